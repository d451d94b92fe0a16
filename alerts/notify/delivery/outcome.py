"""The outcome of an HTTP response for a notification, the backoff after a failure, and the timing of notifications."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

from alerts.notify.receivers.post import HttpResponse

# The longest Retry-After that is respected, seconds: a receiver must not stop pages for a day.
MAX_RETRY_AFTER = 3600.0
# 4xx responses that are temporary.
_TRANSIENT_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
# Responses that refuse the content of a request. Other alerts of the same request may be accepted: Alertmanager refuses
# a whole request with 422 for one invalid link, with 400 for one label; proxies refuse a large one with 413.
_CONTENT_STATUSES = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
_MAX_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class RetryTiming:
    """Intervals and timeouts in seconds; `capacity` is the number of incidents that one receiver may have waiting.

    `resend` and `retention` are Prometheus': --rules.alert.resend-delay, and how long it resends resolved alerts.
    `absence_timeout` is longer than a restart of the exporter takes. When the disk does not answer for `save_timeout`,
    notifications are sent without being saved.
    """

    resend: float = 60
    retention: float = 900
    timeout: float = 10
    initial_retry_interval: float = 1
    max_retry_interval: float = 60
    absence_timeout: float = 300
    save_timeout: float = 2
    capacity: int = 200


@dataclass(frozen=True, slots=True)
class Clocks:
    """Two clocks: `wall` in Unix seconds, and `monotonic` in seconds for durations."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


class DeliveryResult(StrEnum):
    """The result of an attempt, also the label `result` of `outbox_notifications_total`."""

    DELIVERED = "delivered"
    FAILED = "failed"  # will be retried
    DROPPED = "dropped"  # will not be retried


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """The result of an attempt with its reason. `retry_after`: seconds that the receiver asked to wait.

    `content_refused`: a part of the same content may be accepted.
    """

    result: DeliveryResult
    reason: str = ""
    retry_after: float | None = None
    content_refused: bool = False


@dataclass(frozen=True, slots=True)
class Backoff:
    """Consecutive failures, and when the next attempt is due, seconds of the monotonic clock."""

    failures: int = 0
    until: float = -math.inf


def classify(answer: HttpResponse, at: float) -> DeliveryOutcome:
    """2xx is delivered; 4xx is dropped unless it is temporary; anything else has failed. `at` is Unix seconds."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return DeliveryOutcome(DeliveryResult.DELIVERED)
    text = " ".join(answer.text.split())[:_MAX_REASON_LENGTH]
    reason = f"HTTP {answer.status}" + (f": {text}" if text else "")
    client_error = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if client_error and answer.status not in _TRANSIENT_STATUSES:
        return DeliveryOutcome(DeliveryResult.DROPPED, reason, content_refused=answer.status in _CONTENT_STATUSES)
    return DeliveryOutcome(DeliveryResult.FAILED, reason, retry_after(answer.retry_after, at))


def retry_after(header: str | None, at: float) -> float | None:
    """Seconds to wait by a Retry-After header, a number or a date; None without a valid one. `at` is Unix seconds."""
    if header is None:
        return None
    text = header.strip()
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else _http_date(text) - at
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def next_backoff(
    before: Backoff, outcome: DeliveryOutcome, monotonic: float, timing: RetryTiming, jitter: float
) -> Backoff:
    """The backoff after one more failure: doubled, at most `max_retry_interval`, at least what the receiver asked for.

    `jitter`, from 0 to 1, subtracts up to half, so that many clients that failed together do not retry together.
    Units: `monotonic` seconds of the monotonic clock.
    """
    doublings = min(before.failures, 30)  # far beyond `max_retry_interval`; more would overflow
    wait = min(timing.max_retry_interval, timing.initial_retry_interval * 2**doublings) * (1 - jitter / 2)
    return Backoff(before.failures + 1, monotonic + max(wait, outcome.retry_after or 0.0))


def _http_date(text: str) -> float:
    """Unix seconds of an HTTP date, which is always in GMT. Raises: ValueError."""
    date = parsedate_to_datetime(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
