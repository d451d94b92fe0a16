"""Counters and logs of notifications."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from alerts.notify.delivery.outcome import DeliveryResult
from alerts.notify.delivery.statistics import DeliveryStatistics
from alerts.notify.message.incidents import DeliveredState, Update
from alerts.notify.receivers.pagerduty import PagerDuty
from exporter.core.types import Secret
from tests.alerts.notify.samples import NOON, ROUTING_KEY, incident

BEGAN, ENDED = Update(incident(), DeliveredState.FIRING), Update(incident(ends_at=NOON + 60), DeliveredState.RESOLVED)


@pytest.fixture
def statistics() -> DeliveryStatistics:
    return DeliveryStatistics(PagerDuty(Secret(ROUTING_KEY)))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str, dict[str, Any]]]:
    """Logged so far: level, text, fields; filled as it happens."""
    caplog.set_level(logging.INFO, "alerts.notify")

    class Lines(list[Any]):
        def __iter__(self) -> Any:
            return iter([(each.levelno, each.getMessage(), getattr(each, "fields", {})) for each in caplog.records])

    return Lines()


def texts(lines: Any) -> list[str]:
    return [text for _, text, _ in lines]


def test_delivered(statistics: DeliveryStatistics, lines: Any) -> None:
    """Delivered notifications are counted and dated; changes are logged with their alert, repetitions are not."""
    statistics.delivered((BEGAN,), (BEGAN,), NOON)
    statistics.delivered((BEGAN,), (), NOON + 60)
    assert statistics.counts == {DeliveryResult.DELIVERED: 2, DeliveryResult.FAILED: 0, DeliveryResult.DROPPED: 0}
    assert statistics.delivered_at == NOON + 60
    fields = {"receiver": "pagerduty", "alert": "OutboxStalled", "severity": "page", "status": "firing"}
    assert list(lines) == [(logging.INFO, "notified", fields)]


def test_a_repeated_failure_is_logged_once_an_hour(statistics: DeliveryStatistics, lines: Any) -> None:
    """A receiver that is down for an hour makes one line, and one when it is back."""
    for monotonic in range(0, 3600, 60):
        statistics.failed((BEGAN,), "HTTP 500", 3, float(monotonic))
    assert statistics.problem == "HTTP 500"
    assert statistics.counts[DeliveryResult.FAILED] == 60
    statistics.delivered((BEGAN,), (), NOON)
    assert statistics.problem == ""
    assert [(level, text) for level, text, _ in lines] == [
        (logging.WARNING, "notification failed"),
        (logging.INFO, "notifications are accepted again"),
    ]
    assert next(iter(lines))[2] == {"receiver": "pagerduty", "reason": "HTTP 500", "waiting": 3, "suppressed": 0}


def test_every_refusal_is_logged(statistics: DeliveryStatistics, lines: Any) -> None:
    """Every drop is logged with the alert and the reason."""
    statistics.refused((BEGAN, ENDED), "HTTP 400")
    assert statistics.counts[DeliveryResult.DROPPED] == 2
    assert [(level, text, fields["status"], fields["reason"]) for level, text, fields in lines] == [
        (logging.ERROR, "notification dropped", "firing", "HTTP 400"),
        (logging.ERROR, "notification dropped", "resolved", "HTTP 400"),
    ]


def test_refusals_while_others_are_delivered(statistics: DeliveryStatistics, lines: Any) -> None:
    """The alert is named, on the page and once an hour in the log, until it arrives or is gone; secrets are not."""
    other = Update(incident("OutboxBlind"), DeliveredState.FIRING)
    for monotonic in range(0, 3600, 60):
        statistics.delivered((other,), (), NOON)
        statistics.alert_refused(BEGAN, f"HTTP 422: {ROUTING_KEY} is no URI", float(monotonic))
    assert statistics.problem == "OutboxStalled (page) is refused: HTTP 422: [hidden] is no URI"
    assert statistics.counts == {DeliveryResult.DELIVERED: 60, DeliveryResult.FAILED: 60, DeliveryResult.DROPPED: 0}
    assert [(level, text, fields["alert"], fields["reason"]) for level, text, fields in lines] == [
        (logging.WARNING, "notification refused", "OutboxStalled", "HTTP 422: [hidden] is no URI")
    ]
    statistics.alert_refused(other, "HTTP 400", 0.0)
    assert statistics.problem == "OutboxStalled (page) is refused: HTTP 422: [hidden] is no URI; and 1 more"
    statistics.delivered((BEGAN,), (), NOON)
    assert statistics.problem == "OutboxBlind (page) is refused: HTTP 400"
    statistics.retain(set())
    assert statistics.problem == ""


def test_a_refusal_after_a_delivery_is_logged_at_once(statistics: DeliveryStatistics, lines: Any) -> None:
    """It is a new failure, although the same was logged within the hour; so it is after the alert was gone."""
    statistics.alert_refused(BEGAN, "HTTP 422", 0.0)
    statistics.delivered((BEGAN,), (), NOON)
    statistics.alert_refused(BEGAN, "HTTP 422", 60.0)
    statistics.retain(set())
    statistics.alert_refused(BEGAN, "HTTP 422", 120.0)
    statistics.alert_refused(BEGAN, "HTTP 422", 180.0)
    assert texts(lines) == ["notification refused"] * 3


def test_incidents_dropped_over_capacity(statistics: DeliveryStatistics, lines: Any) -> None:
    """For want of room a beginning is lost, and the end with it where there was one."""
    statistics.dropped_over_capacity((incident(), incident("OutboxBlind", ends_at=NOON)))
    assert statistics.counts[DeliveryResult.DROPPED] == 3
    assert {fields["reason"] for _, _, fields in lines} == {"too many notifications are waiting"}


def test_no_secret_is_repeated(statistics: DeliveryStatistics, lines: Any) -> None:
    """A key that a receiver quotes in its refusal is not logged."""
    statistics.failed((BEGAN,), f"HTTP 500: bad key {ROUTING_KEY}", 1, 0.0)
    statistics.refused((BEGAN,), f"HTTP 400: bad key {ROUTING_KEY}")
    assert statistics.problem == "HTTP 400: bad key [hidden]"
    assert ROUTING_KEY not in str(list(lines))
    assert str(list(lines)).count("[hidden]") == 2


def test_changes_that_cannot_be_saved(statistics: DeliveryStatistics, lines: Any) -> None:
    """A failure to save is logged once, shown in the status while it lasts, and logged when it ends."""
    for monotonic in (0.0, 30.0, 60.0):
        statistics.save_failed("state cannot be written", monotonic)
    assert statistics.save_problem == "state cannot be written"
    statistics.saved()
    statistics.saved()
    assert statistics.save_problem == ""
    assert texts(lines) == ["notifications cannot be saved", "notifications are saved again"]
