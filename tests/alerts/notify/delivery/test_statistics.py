"""What is counted and logged of notifications."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from alerts.notify.delivery.outcome import DeliveryResult
from alerts.notify.delivery.statistics import FULL, DeliveryStatistics
from alerts.notify.message.incidents import DeliveredState, Update
from alerts.notify.receivers.pagerduty import PagerDuty
from exporter.core.types import Secret
from tests.alerts.notify.samples import NOON, ROUTING_KEY, incident

BEGAN, ENDED = Update(incident(), DeliveredState.FIRING), Update(incident(ends_at=NOON + 60), DeliveredState.RESOLVED)


@pytest.fixture
def account() -> DeliveryStatistics:
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


def test_delivered(account: DeliveryStatistics, lines: Any) -> None:
    """What arrived is counted and dated; news is logged with its alert, repetitions are not."""
    account.delivered((BEGAN,), (BEGAN,), NOON)
    account.delivered((BEGAN,), (), NOON + 60)
    assert account.counts == {DeliveryResult.DELIVERED: 2, DeliveryResult.FAILED: 0, DeliveryResult.DROPPED: 0}
    assert account.delivered_at == NOON + 60
    fields = {"receiver": "pagerduty", "alert": "OutboxStalled", "severity": "page", "status": "firing"}
    assert list(lines) == [(logging.INFO, "notified", fields)]


def test_what_stays_broken_is_logged_once_an_hour(account: DeliveryStatistics, lines: Any) -> None:
    """A receiver that is down for an hour makes one line, and one when it is back."""
    for monotonic in range(0, 3600, 60):
        account.failed((BEGAN,), "HTTP 500", 3, float(monotonic))
    assert account.problem == "HTTP 500"
    assert account.counts[DeliveryResult.FAILED] == 60
    account.delivered((BEGAN,), (), NOON)
    assert account.problem == ""
    assert [(level, text) for level, text, _ in lines] == [
        (logging.WARNING, "notification failed"),
        (logging.INFO, "notifications arrive again"),
    ]
    assert next(iter(lines))[2] == {"receiver": "pagerduty", "reason": "HTTP 500", "waiting": 3, "suppressed": 0}


def test_every_refusal_is_logged(account: DeliveryStatistics, lines: Any) -> None:
    """What is dropped is never silent: which alert, and why."""
    account.refused((BEGAN, ENDED), "HTTP 400")
    assert account.counts[DeliveryResult.DROPPED] == 2
    assert [(level, text, fields["status"], fields["reason"]) for level, text, fields in lines] == [
        (logging.ERROR, "notification dropped", "firing", "HTTP 400"),
        (logging.ERROR, "notification dropped", "resolved", "HTTP 400"),
    ]


def test_what_is_refused_while_others_arrive(account: DeliveryStatistics, lines: Any) -> None:
    """The alert is named, on the page and once an hour in the log, until it arrives or is gone; secrets are not."""
    other = Update(incident("OutboxBlind"), DeliveredState.FIRING)
    for monotonic in range(0, 3600, 60):
        account.delivered((other,), (), NOON)
        account.alert_refused(BEGAN, f"HTTP 422: {ROUTING_KEY} is no URI", float(monotonic))
    assert account.problem == "OutboxStalled (page) is refused: HTTP 422: [hidden] is no URI"
    assert account.counts == {DeliveryResult.DELIVERED: 60, DeliveryResult.FAILED: 60, DeliveryResult.DROPPED: 0}
    assert [(level, text, fields["alert"], fields["reason"]) for level, text, fields in lines] == [
        (logging.WARNING, "notification refused", "OutboxStalled", "HTTP 422: [hidden] is no URI")
    ]
    account.alert_refused(other, "HTTP 400", 0.0)
    assert account.problem == "OutboxStalled (page) is refused: HTTP 422: [hidden] is no URI; and 1 more"
    account.delivered((BEGAN,), (), NOON)
    assert account.problem == "OutboxBlind (page) is refused: HTTP 400"
    account.retain(set())
    assert account.problem == ""


def test_what_found_no_room(account: DeliveryStatistics, lines: Any) -> None:
    """For want of room a beginning is lost, and the end with it where there was one."""
    account.dropped_over_capacity((incident(), incident("OutboxBlind", ends_at=NOON)))
    assert account.counts[DeliveryResult.DROPPED] == 3
    assert {fields["reason"] for _, _, fields in lines} == {FULL}


def test_no_secret_is_repeated(account: DeliveryStatistics, lines: Any) -> None:
    """A receiver that quotes our key in its refusal makes nobody else learn it."""
    account.failed((BEGAN,), f"HTTP 500: bad key {ROUTING_KEY}", 1, 0.0)
    account.refused((BEGAN,), f"HTTP 400: bad key {ROUTING_KEY}")
    assert account.problem == "HTTP 400: bad key [hidden]"
    assert ROUTING_KEY not in str(list(lines))
    assert str(list(lines)).count("[hidden]") == 2


def test_what_cannot_be_kept(account: DeliveryStatistics, lines: Any) -> None:
    """That nothing is kept on disk is said once, seen while it lasts, and taken back."""
    for monotonic in (0.0, 30.0, 60.0):
        account.save_failed("state cannot be written", monotonic)
    assert account.save_problem == "state cannot be written"
    account.kept()
    account.kept()
    assert account.save_problem == ""
    assert texts(lines) == ["notifications are kept in memory only", "notifications are kept on disk again"]
