"""The meaning of a receiver's answers, and the delay before the next attempt."""

from __future__ import annotations

import time

import pytest

from alerts.notify.delivery.outcome import (
    Backoff,
    DeliveryOutcome,
    DeliveryResult,
    RetryTiming,
    classify,
    next_backoff,
    retry_after,
)
from alerts.notify.receivers.post import HttpResponse
from tests.alerts.notify.samples import NOON

FAILED = DeliveryOutcome(DeliveryResult.FAILED)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_success(status: int) -> None:
    """Every 2xx delivers, whatever the body is."""
    assert classify(HttpResponse(status, text="garbage"), NOON) == DeliveryOutcome(DeliveryResult.DELIVERED)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422, 499])
def test_refusal(status: int) -> None:
    """A 4xx is for good: the same request would be refused again."""
    assert classify(HttpResponse(status), NOON).result is DeliveryResult.DROPPED


@pytest.mark.parametrize(
    ("status", "blamed"),
    [(400, True), (413, True), (422, True), (401, False), (403, False), (404, False), (500, False)],
)
def test_content_that_is_refused(status: int, blamed: bool) -> None:
    """400, 413 and 422 concern the content, not the credentials: a part of it may be accepted."""
    assert classify(HttpResponse(status), NOON).content_refused is blamed


@pytest.mark.parametrize("status", [100, 199, 300, 301, 304, 307, 399, 408, 429, 500, 502, 503, 504, 599, 999])
def test_failure(status: int) -> None:
    """408, 429, 5xx and unexpected answers are temporary: the notification is sent again."""
    assert classify(HttpResponse(status), NOON).result is DeliveryResult.FAILED


def test_reason_is_one_short_line() -> None:
    """The reason has the status and the beginning of the receiver's answer."""
    reason = classify(HttpResponse(400, text="bad\n  request " + "x" * 1000), NOON).reason
    assert reason == "HTTP 400: bad request " + "x" * 188
    assert classify(HttpResponse(500), NOON).reason == "HTTP 500"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Mon, 20 Nov 2023 12:01:30 GMT", 90.0),
        ("Mon, 20 Nov 2023 12:01:30 -0000", 90.0),
        ("Mon, 20 Nov 2023 11:00:00 GMT", 0.0),
        ("999999999999", 3600.0),
        ("9" * 400, 3600.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("٣", None),
        ("Mon, 99 Nov 2023 12:01:30 GMT", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds or a date, neither in the past nor too far ahead; an invalid value is ignored."""
    assert retry_after(header, NOON) == seconds


def test_retry_after_without_a_zone_is_in_gmt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever we are, an HTTP date is in Greenwich."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        assert retry_after("Mon, 20 Nov 2023 12:01:30 -0000", NOON) == 90
    time.tzset()


def test_retry_after_counts_for_failures() -> None:
    """Retry-After is respected with any temporary status."""
    assert classify(HttpResponse(429, "30"), NOON).retry_after == 30
    assert classify(HttpResponse(503, "30"), NOON).retry_after == 30


def test_backs_off_exponentially_up_to_a_limit() -> None:
    """Each failure doubles the time, until it is the longest; a thousand failures overflow nothing."""
    timing, waits, backoff = RetryTiming(initial_retry_interval=1.0, max_retry_interval=60), [], Backoff()
    for _ in range(1100):
        backoff = next_backoff(backoff, FAILED, 0.0, timing, jitter=0.0)
        waits.append(backoff.until)
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert waits[-1] == 60
    assert backoff.failures == 1100


def test_jitter_takes_away_up_to_half() -> None:
    """Those who failed together come back one by one, none before half of the time."""
    timing = RetryTiming(initial_retry_interval=8)
    assert [next_backoff(Backoff(), FAILED, 100.0, timing, jitter).until for jitter in (0, 0.5, 1)] == [108, 106, 104]


def test_never_before_retry_after() -> None:
    """Retry-After is a lower bound; a shorter one than ours changes nothing."""
    timing = RetryTiming(initial_retry_interval=1)
    assert (
        next_backoff(Backoff(), DeliveryOutcome(DeliveryResult.FAILED, "", 90.0), 0.0, timing, jitter=1.0).until == 90
    )
    assert next_backoff(Backoff(), DeliveryOutcome(DeliveryResult.FAILED, "", 0.0), 0.0, timing, jitter=0.0).until == 1


def test_default_timing() -> None:
    """The intervals that the documentation of notifications names, in seconds, and the capacity of a queue."""
    timing = RetryTiming()
    assert (timing.resend, timing.retention, timing.timeout) == (60, 900, 10)
    assert (timing.initial_retry_interval, timing.max_retry_interval) == (1, 60)
    assert (timing.absence_timeout, timing.save_timeout, timing.capacity) == (300, 2, 200)


def test_no_wait_beyond_the_backoff_without_retry_after() -> None:
    """Without Retry-After, the backoff alone decides, even when it is zero."""
    timing = RetryTiming(initial_retry_interval=0)
    assert next_backoff(Backoff(), FAILED, 100.0, timing, jitter=0.0) == Backoff(1, 100.0)
    assert Backoff() == Backoff(0, float("-inf"))
