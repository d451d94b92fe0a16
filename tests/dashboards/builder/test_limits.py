"""Thresholds as the policy has them."""

from __future__ import annotations

import dataclasses

import pytest

from alerts.model import RuleKey, Severity
from alerts.policy.load import load_policy
from dashboards.builder.limits import Limit, drain_limit, limits, most_severe

POLICY = load_policy()


def threshold(alert: str, severity: Severity) -> float:
    return POLICY.rule(RuleKey(alert, severity)).threshold


def test_limits_are_the_policys_lowest_first():
    """A ticket in orange, a page in red."""
    assert limits(POLICY, "OutboxBacklogHigh") == (
        Limit(threshold("OutboxBacklogHigh", Severity.TICKET), "orange"),
        Limit(threshold("OutboxBacklogHigh", Severity.PAGE), "red"),
    )


def test_equal_thresholds_have_the_colour_of_the_most_severe():
    """As the broken migration, which pages during the watch."""
    assert limits(POLICY, "OutboxMigrationBroken") == (Limit(1, "red"),)
    both = limits(POLICY, "OutboxStalled", "OutboxJobsWaitingLong")
    assert len({limit.value for limit in both}) == len(both)


def test_more_than_none_begins_at_one():
    """Grafana colours from a step on, where the rule has "above"."""
    assert threshold("OutboxJobsExhausted", Severity.TICKET) == 0
    assert limits(POLICY, "OutboxJobsExhausted") == (Limit(1, "orange"),)


def test_limits_can_be_in_hours():
    """For an axis of hours."""
    (limit,) = limits(POLICY, "OutboxCleanupOverdue", unit=3600)
    assert limit.value == threshold("OutboxCleanupOverdue", Severity.TICKET) / 3600


def test_the_most_severe_rule_is_that_of_the_page():
    """Where there is one."""
    assert most_severe(POLICY, "OutboxBacklogHigh").key.severity is Severity.PAGE
    assert most_severe(POLICY, "OutboxProcessingSlow").key.severity is Severity.TICKET


def test_the_drain_limit_is_the_condition_beside_the_backlogs():
    """Read from the rule; a rule without it is an error."""
    (limit,) = drain_limit(POLICY)
    assert (
        f"outbox:drain_time_seconds > {limit.value:g}" in POLICY.rule(RuleKey("OutboxBacklogHigh", Severity.PAGE)).expr
    )
    without = tuple(dataclasses.replace(rule, expr="outbox:backlog_jobs > 1") for rule in POLICY.rules)
    with pytest.raises(LookupError, match="OutboxBacklogHigh/page"):
        drain_limit(dataclasses.replace(POLICY, rules=without))


def test_an_alert_that_does_not_exist_is_refused():
    """By name."""
    with pytest.raises(KeyError, match="OutboxNoSuch"):
        limits(POLICY, "OutboxNoSuch")
