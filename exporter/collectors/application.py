"""What does the application say about itself? Its four metrics endpoints, asked in one request where it takes that.

A tRPC server takes several questions at once unless told otherwise, and its own client asks so. One answer instead of
four spares both sides most of the work. Where that is not understood, or slow, or anything is wrong with one of them,
they are asked one by one, and together again after an hour.

One endpoint that fails does not spoil the others, one bad field not its endpoint. The database is the first source:
what is known to be wrong or weak in these numbers stands in the help of each metric.
"""

import time
from collections.abc import Iterable
from itertools import chain

from exporter.application.batch import Errand, Flights, Spare
from exporter.application.dialect import distinct, interpret
from exporter.application.endpoints import DIALECTS, ENDPOINTS
from exporter.application.envelope import Payload, open_batch, open_envelope
from exporter.application.fetch import Request
from exporter.config.settings import ApplicationSettings
from exporter.core.errors import Reason, SampleError
from exporter.core.http_client import tls_context
from exporter.core.redaction import Redactor
from exporter.metrics.catalogue import APP_UP
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, Reading

# All four have so long to be answered together, seconds, and a quarter of the time at most: they take milliseconds, and
# one that hangs must leave the others theirs.
BATCH_TIMEOUT = 0.25
# So many samples ask one by one after it turned out to be the better way: an hour of them at the default interval.
UNBATCHED_SAMPLES = 240
# A failure is one line in a log and on a page, not a stack trace with a novel.
MAX_MESSAGE_LENGTH = 240


# What each endpoint said, or why it said nothing.
Told = dict[str, Payload | SampleError]


class ApplicationCollector:
    """Asks the four endpoints of the application.

    `collect` ends within `timeout` (and flight.GRACE), and raises nothing for anything the application does.
    Shape: `outbox_app_up` for all four endpoints, always; the rest as far as it is known.
    """

    name = "application"

    def __init__(self, settings: ApplicationSettings) -> None:
        self._settings = settings
        token = settings.bearer_token.reveal() if settings.bearer_token is not None else ""
        self._redactor = Redactor((token,))
        self._spare = Spare(tls_context((settings.url,), settings.ca_file))
        # The last of each: ended as a rule, stuck at worst.
        self._errands: dict[str, Errand] = {}
        self._errand_for_all: Errand | None = None
        self._flights = Flights((), self._spare)
        self._closed = False
        self._unbatched_samples = 0  # samples still to be made one by one

    def collect(self) -> CollectorOutcome:
        """One sample, now. A request that is still stuck is not joined by another, so that threads never pile up."""
        deadline = time.monotonic() + self._settings.timeout
        told = self._request_batch(time.monotonic() + min(BATCH_TIMEOUT, self._settings.timeout / 4))
        told = told or self._request_each(deadline)
        reports = [self._report(endpoint, told[endpoint]) for endpoint in ENDPOINTS]
        readings = chain.from_iterable(readings for readings, _ in reports)
        failures = chain.from_iterable(failures for _, failures in reports)
        return CollectorOutcome(distinct(readings), tuple(failures))

    def _request_batch(self, deadline: float) -> Told | None:
        """What all endpoints say to one question; None when that is no way to ask, or one of them is still stuck."""
        self._unbatched_samples = max(0, self._unbatched_samples - 1)
        before = self._errand_for_all
        if self._unbatched_samples or (before is not None and before.under_way) or self._stuck():
            return None
        errand = self._errand_for_all = Errand(self._request(",".join(map(_procedure, ENDPOINTS)) + "?batch=1"))
        self._send((errand,), deadline)
        try:
            answer = errand.answer()
            told = open_batch(answer.status, answer.body, len(ENDPOINTS))
        except SampleError:
            return None
        return dict(zip(ENDPOINTS, told, strict=True)) if told else None

    def _request_each(self, deadline: float) -> Told:
        stuck = self._stuck()
        free = [endpoint for endpoint in ENDPOINTS if endpoint not in stuck]
        fresh = {endpoint: Errand(self._request(_procedure(endpoint))) for endpoint in free}
        self._errands = {**fresh, **stuck}
        self._send(fresh.values(), deadline)
        told = {endpoint: _told(errand) for endpoint, errand in self._errands.items()}
        if not self._unbatched_samples and not all(isinstance(each, SampleError) for each in told.values()):
            self._unbatched_samples = UNBATCHED_SAMPLES
        return told

    def _stuck(self) -> dict[str, Errand]:
        return {endpoint: errand for endpoint, errand in self._errands.items() if errand.under_way}

    def _send(self, errands: Iterable[Errand], deadline: float) -> None:
        self._flights = Flights(errands, self._spare)
        if not self._closed:
            self._flights.land(deadline)

    def close(self) -> None:
        """Give up on what is under way, so that a `collect` in another thread returns at once."""
        self._closed = True
        self._flights.abort()

    def _request(self, path: str) -> Request:
        url = f"{self._settings.url.rstrip('/')}/{path}"
        return Request(url, self._settings.bearer_token, self._settings.timeout, self._settings.max_bytes)

    def _report(
        self, endpoint: str, told: Payload | SampleError
    ) -> tuple[tuple[Reading, ...], tuple[CollectorFailure, ...]]:
        if isinstance(told, SampleError):
            down = Reading(APP_UP, 0, (endpoint,))
            return (down,), (self._failure(endpoint, told.reason, str(told)),)
        result = interpret(DIALECTS[endpoint], told)
        up = Reading(APP_UP, float(result.useful), (endpoint,))
        failures = (self._failure(endpoint, Reason.PAYLOAD, problem) for problem in result.problems)
        # An application that echoes its token as the name of a check must not make a label of it.
        tellable = (one for one in result.readings if all(self._redactor.hide(label) == label for label in one.labels))
        return (up, *tellable), tuple(failures)

    def _failure(self, endpoint: str, reason: Reason, text: str) -> CollectorFailure:
        """The one door through which words of the application leave: no secret, one line, short."""
        # Hidden before it is cut: credentials are recognised by their end.
        text = f"{endpoint}: " + " ".join(self._redactor.hide(text).split())
        return CollectorFailure(
            reason, "".join(char if char.isprintable() else "?" for char in text)[:MAX_MESSAGE_LENGTH]
        )


def _procedure(endpoint: str) -> str:
    return f"metrics.{endpoint}"


def _told(errand: Errand) -> Payload | SampleError:
    try:
        answer = errand.answer()
        return open_envelope(answer.status, answer.body)
    except SampleError as error:
        return error
