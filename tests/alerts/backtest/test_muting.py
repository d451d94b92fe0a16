"""Alerts that others mute from start to end notify nobody."""

from __future__ import annotations

import pytest

from alerts.backtest.model import Firing
from alerts.backtest.muting import with_muted
from alerts.model import RuleKey, Severity
from alerts.policy.load import load_policy

HIGH = RuleKey("OutboxBacklogHigh", Severity.PAGE)
STALLED = RuleKey("OutboxStalled", Severity.PAGE)
BLOCKED = RuleKey("OutboxHeadBlocked", Severity.PAGE)


def firing(rule: RuleKey, start: int, end: int) -> Firing:
    return Firing(rule, (("job", "outbox-exporter"),), start, end)


@pytest.mark.parametrize(
    ("others", "muted"),
    [
        ([], False),
        ([firing(STALLED, 5, 30)], True),
        ([firing(STALLED, 5, 19)], False),
        ([firing(STALLED, 11, 30)], False),
        ([firing(STALLED, 5, 15), firing(BLOCKED, 15, 20)], True),
        ([firing(STALLED, 5, 15), firing(BLOCKED, 16, 20)], False),
        ([firing(RuleKey("OutboxJobsWaitingLong", Severity.PAGE), 5, 30)], False),
    ],
)
def test_an_alert_is_muted_from_its_start_to_its_end(others, muted):
    """By one alert or by several in turn; not by those that do not mute it."""
    *_, found = with_muted([*others, firing(HIGH, 10, 20)], load_policy().rules)
    assert found.muted is muted
