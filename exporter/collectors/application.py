"""The application's four metrics endpoints, in one request where the application takes that.

A tRPC server takes several procedures in one request unless told otherwise, and its own client sends them so. One
answer instead of four saves both sides most of the work. Where that is not understood, or slow, or one endpoint fails,
each gets a request of its own, and all four one request again after an hour.

One endpoint that fails does not affect the others, one bad field not its endpoint. The database is the first source:
known errors and limits of these numbers are in the help text of each metric.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import chain

from exporter.application.batch import RequestBatch, result_of
from exporter.application.dialect import distinct, interpret
from exporter.application.endpoints import DIALECTS, ENDPOINTS
from exporter.application.envelope import Payload, open_batch, open_envelope
from exporter.application.fetch import HttpAnswer, HttpRequest
from exporter.config.settings import ApplicationSettings
from exporter.core import secret_command
from exporter.core.errors import Reason, SampleError, SecretUnavailable
from exporter.core.http_client import tls_context
from exporter.core.redaction import Redactor
from exporter.core.types import Secret
from exporter.metrics.catalogue import APP_UP
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, Reading

# Timeout of the one request for all four, seconds, and a quarter of `timeout` at most: they take milliseconds, and one
# that hangs must leave the others enough time.
BATCH_TIMEOUT = 0.25
# So many samples send four requests after the one request failed: an hour of them at the default interval.
UNBATCHED_SAMPLES = 240
# Longest failure message, characters: one line in the log and on the status page.
MAX_MESSAGE_LENGTH = 240

_BATCH_PATH = ",".join(f"metrics.{endpoint}" for endpoint in ENDPOINTS) + "?batch=1"
_PATHS = {endpoint: f"metrics.{endpoint}" for endpoint in ENDPOINTS}

# The payload of each endpoint, or why there is none.
Payloads = dict[str, Payload | SampleError]


class ApplicationCollector:
    """Samples the four endpoints of the application.

    `collect` ends within `timeout` (and `batch.GRACE`, and the time limit of a command for the token), and raises
    nothing for anything the application does.
    Shape: `outbox_app_up` for all four endpoints, always; the rest as far as it is known.
    """

    name = "application"

    def __init__(self, settings: ApplicationSettings) -> None:
        self._settings = settings
        # The token of this sample, and what hides it together with the one before it.
        self._token: Secret | None = None
        self._redactor = Redactor()
        self._tls_context = tls_context((settings.url,), settings.ca_file)
        # The latest request to each path. One that is running hangs.
        self._answers: dict[str, Future[HttpAnswer]] = {}
        self._batch = RequestBatch()
        self._closed = False
        self._unbatched_samples = 0  # samples that still send four requests

    def collect(self) -> CollectorOutcome:
        """One sample, now."""
        return self.outcome(self.request())

    def outcome(self, payloads: Payloads) -> CollectorOutcome:
        """The readings and failures of what the endpoints answered."""
        reports = [self._report(endpoint, payloads[endpoint]) for endpoint in ENDPOINTS]
        readings = chain.from_iterable(readings for readings, _ in reports)
        failures = chain.from_iterable(failures for _, failures in reports)
        return CollectorOutcome(distinct(readings), tuple(failures))

    def close(self) -> None:
        """Abort the requests under way, so that a `collect` in another thread returns at once."""
        self._closed = True
        secret_command.abort_running()
        self._batch.abort()

    def request(self) -> Payloads:
        """What each endpoint answers. A request that hangs is not sent again, so that threads do not accumulate."""
        try:
            self._renew_token()
        except SecretUnavailable as error:
            return dict.fromkeys(ENDPOINTS, error)
        now, timeout = time.monotonic(), self._settings.timeout
        return self._request_batch(now + min(BATCH_TIMEOUT, timeout / 4)) or self._request_each(now + timeout)

    def _renew_token(self) -> None:
        """Read the token, which may have changed. Raises: SecretUnavailable."""
        if self._settings.bearer_token is None or self._closed:
            return
        before, token = self._token, Secret(self._settings.bearer_token.reveal())
        if token != before:
            self._token = token
            self._redactor = Redactor(each.reveal() for each in (token, before) if each)

    def _request_batch(self, deadline: float) -> Payloads | None:
        """The payloads of one request for all; None when that failed, is not due, or any request hangs."""
        self._unbatched_samples = max(0, self._unbatched_samples - 1)
        if self._unbatched_samples or any(answer.running() for answer in self._answers.values()):
            return None
        self._send((_BATCH_PATH,), deadline)
        found = result_of(self._answers[_BATCH_PATH])
        payloads = None if isinstance(found, SampleError) else open_batch(found.status, found.body, len(ENDPOINTS))
        return dict(zip(ENDPOINTS, payloads, strict=True)) if payloads else None

    def _request_each(self, deadline: float) -> Payloads:
        free = [path for path in _PATHS.values() if path not in self._answers or not self._answers[path].running()]
        self._send(free, deadline)
        payloads = {endpoint: _payload(self._answers[path]) for endpoint, path in _PATHS.items()}
        if not self._unbatched_samples and not all(isinstance(each, SampleError) for each in payloads.values()):
            self._unbatched_samples = UNBATCHED_SAMPLES
        return payloads

    def _send(self, paths: Sequence[str], deadline: float) -> None:
        self._batch = RequestBatch(map(self._request, paths), self._tls_context)
        self._answers.update(zip(paths, self._batch.answers, strict=True))
        if not self._closed:
            self._batch.wait(deadline)

    def _request(self, path: str) -> HttpRequest:
        url = f"{self._settings.url.rstrip('/')}/{path}"
        return HttpRequest(url, self._token, self._settings.timeout, self._settings.max_bytes)

    def _report(
        self, endpoint: str, payload: Payload | SampleError
    ) -> tuple[tuple[Reading, ...], tuple[CollectorFailure, ...]]:
        if isinstance(payload, SampleError):
            down = Reading(APP_UP, 0, (endpoint,))
            return (down,), (self._failure(endpoint, payload.reason, str(payload)),)
        result = interpret(DIALECTS[endpoint], payload)
        up = Reading(APP_UP, float(result.useful), (endpoint,))
        failures = (self._failure(endpoint, Reason.PAYLOAD, problem) for problem in result.problems)
        # An application that returns its token as the name of a check must not make a label of it.
        shown = (one for one in result.readings if all(self._redactor.hide(label) == label for label in one.labels))
        return (up, *shown), tuple(failures)

    def _failure(self, endpoint: str, reason: Reason, text: str) -> CollectorFailure:
        """A failure with the application's text: without secrets, in one line, of MAX_MESSAGE_LENGTH at most."""
        # Redacted before it is cut: credentials are recognised by their end.
        text = f"{endpoint}: " + " ".join(self._redactor.hide(text).split())
        printable = "".join(char if char.isprintable() else "?" for char in text)
        return CollectorFailure(reason, printable[:MAX_MESSAGE_LENGTH])


def _payload(answer: Future[HttpAnswer]) -> Payload | SampleError:
    found = result_of(answer)
    if isinstance(found, SampleError):
        return found
    try:
        return open_envelope(found.status, found.body)
    except SampleError as error:
        return error
