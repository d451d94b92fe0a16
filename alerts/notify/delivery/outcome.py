"""What an answer means for a notification, and how long to wait after a failure. Pure."""

import math
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

from alerts.notify.delivery.retry import RetryTiming
from alerts.notify.receivers.post import HttpResponse

# A receiver may ask for patience; it may not silence the pager for a day.
MAX_RETRY_AFTER = 3600.0
# Answers of the 4xx that pass by themselves.
_TRANSIENT_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
# Answers that blame the content of a request. Another part of the same content may be welcome: Alertmanager refuses a
# whole request with 422 for one link that is no URI, with 400 for one label; proxies refuse a large one with 413.
_CONTENT_STATUSES = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
_MAX_REASON_LENGTH = 200


class DeliveryResult(StrEnum):
    """What became of an attempt: also the label `result` of `outbox_notifications_total`."""

    DELIVERED = "delivered"
    FAILED = "failed"  # and is tried again
    DROPPED = "dropped"  # and is not


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """What became of an attempt, why, and how many seconds the receiver wants to be left alone, if it said so.

    `blames_content` says that a part of the same content may be accepted.
    """

    result: DeliveryResult
    reason: str = ""
    retry_after: float | None = None
    content_rejected: bool = False


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a receiver is left alone: failures in a row, and until when (seconds of the monotonic clock)."""

    failures: int = 0
    until: float = -math.inf


def classify(answer: HttpResponse, at: float) -> DeliveryOutcome:
    """What to make of it: 2xx is success, 4xx a refusal unless it passes by itself, anything else a failure."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return DeliveryOutcome(DeliveryResult.DELIVERED)
    said = " ".join(answer.text.split())[:_MAX_REASON_LENGTH]
    reason = f"HTTP {answer.status}" + (f": {said}" if said else "")
    client_error = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if client_error and answer.status not in _TRANSIENT_STATUSES:
        return DeliveryOutcome(DeliveryResult.DROPPED, reason, content_rejected=answer.status in _CONTENT_STATUSES)
    return DeliveryOutcome(DeliveryResult.FAILED, reason, retry_after(answer.retry_after, at))


def retry_after(header: str | None, at: float) -> float | None:
    """Seconds to wait by an HTTP header Retry-After, a number or a date; None without one that can be read."""
    if header is None:
        return None
    text = header.strip()
    try:
        wanted = float(text) if text.isascii() and text.isdigit() else _moment(text) - at
    except (ValueError, OverflowError):
        return None
    return min(max(wanted, 0.0), MAX_RETRY_AFTER)


def next_backoff(
    before: Backoff, outcome: DeliveryOutcome, monotonic: float, pace: RetryTiming, jitter: float
) -> Backoff:
    """After one more failure: twice as long as before, `longest_retry` at most, but never less than was asked for.

    `jitter` is between 0 and 1 and takes away up to half, so that many who failed together do not return together.
    """
    doublings = min(before.failures, 30)  # far beyond `longest_retry`; more would overflow some day
    wait = min(pace.max_retry_interval, pace.initial_retry_interval * 2**doublings) * (1 - jitter / 2)
    return Backoff(before.failures + 1, monotonic + max(wait, outcome.retry_after or 0.0))


def _moment(text: str) -> float:
    """Unix seconds of an HTTP date, which is in GMT even where it does not say so. Raises: ValueError."""
    date = parsedate_to_datetime(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
