"""What does the application say about itself? Its four metrics endpoints, asked together.

One endpoint that fails does not spoil the others, one bad field not its endpoint. The database is the first source:
what is known to be wrong or weak in these numbers stands in the help of each metric.
"""

import re
import time
from itertools import chain

from exporter.application.dialect import distinct, interpret
from exporter.application.endpoints import DIALECTS, ENDPOINTS
from exporter.application.envelope import open_envelope
from exporter.application.fetch import Request
from exporter.application.flight import Errand, Flights
from exporter.config import ApplicationSettings
from exporter.errors import ConfigError, Reason, SampleError
from exporter.model import Failure, Outcome, Reading
from exporter.names import APP_UP
from exporter.outgoing import trust
from exporter.redaction import HIDDEN, Redactor

# A failure is one line in a log and on a page, not a stack trace with a novel.
LONGEST_MESSAGE = 240
_CREDENTIALS_IN_URL = re.compile(r"://[^\s/@]+@")  # as a database driver's error may quote them


class ApplicationCollector:
    """Asks the four endpoints of the application.

    `collect` ends within `timeout` (and flight.GRACE), and raises nothing for anything the application does.
    Shape: `outbox_app_up` for all four endpoints, always; the rest as far as it is known.
    Raises: ConfigError when the token cannot stand in an HTTP header.
    """

    name = "application"

    def __init__(self, settings: ApplicationSettings) -> None:
        self._settings = settings
        token = settings.bearer_token.reveal() if settings.bearer_token is not None else ""
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise ConfigError(("application.bearer_token: holds characters that no HTTP header can carry",))
        self._redactor = Redactor((token,))
        self._trust = trust((settings.url,), settings.ca_file)
        self._errands: dict[str, Errand] = {}  # the last of each endpoint: ended as a rule, stuck at worst
        self._flights = Flights(())

    def collect(self) -> Outcome:
        """One sample, now. A request that is still stuck is not joined by another, so that threads never pile up."""
        deadline = time.monotonic() + self._settings.timeout
        stuck = {endpoint: errand for endpoint, errand in self._errands.items() if errand.under_way}
        fresh = {endpoint: Errand(self._request(endpoint)) for endpoint in ENDPOINTS if endpoint not in stuck}
        self._errands = {**fresh, **stuck}
        self._flights = Flights(fresh.values(), self._trust)
        self._flights.land(deadline)
        reports = [self._report(endpoint, self._errands[endpoint]) for endpoint in ENDPOINTS]
        readings = chain.from_iterable(readings for readings, _ in reports)
        failures = chain.from_iterable(failures for _, failures in reports)
        return Outcome(distinct(readings), tuple(failures))

    def close(self) -> None:
        """Give up on what is under way, so that a `collect` in another thread returns at once."""
        self._flights.cut()

    def _request(self, endpoint: str) -> Request:
        url = f"{self._settings.url.rstrip('/')}/metrics.{endpoint}"
        return Request(url, self._settings.bearer_token, self._settings.timeout, self._settings.max_bytes)

    def _report(self, endpoint: str, errand: Errand) -> tuple[tuple[Reading, ...], tuple[Failure, ...]]:
        try:
            answer = errand.answer()
            account = interpret(DIALECTS[endpoint], open_envelope(answer.status, answer.body))
        except SampleError as error:
            down = Reading(APP_UP, 0, (endpoint,))
            return (down,), (self._failure(endpoint, error.reason, str(error)),)
        up = Reading(APP_UP, float(account.useful), (endpoint,))
        failures = (self._failure(endpoint, Reason.PAYLOAD, complaint) for complaint in account.complaints)
        # An application that echoes its token as the name of a check must not make a label of it.
        told = (one for one in account.readings if all(self._redactor.hide(label) == label for label in one.labels))
        return (up, *told), tuple(failures)

    def _failure(self, endpoint: str, reason: Reason, text: str) -> Failure:
        """The one door through which words of the application leave: no secret, one line, short."""
        text = f"{endpoint}: {self._redactor.hide(text)}"
        # Twice as long as needed, so that credentials are recognised by their end: the application may send megabytes.
        text = _CREDENTIALS_IN_URL.sub(f"://{HIDDEN}@", " ".join(text.split())[: 2 * LONGEST_MESSAGE])
        return Failure(reason, "".join(char if char.isprintable() else "?" for char in text)[:LONGEST_MESSAGE])
