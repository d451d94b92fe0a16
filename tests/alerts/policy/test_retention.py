"""The threshold of OutboxRetentionOverdue for other outboxes: of the library, of the configuration, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alerts.model import RuleKey, Severity
from alerts.policy.load import configured_policy
from alerts.policy.retention import overrides, reason_without
from exporter.config.settings import Amount, Config, OutboxSettings, Override
from exporter.core.types import Ratio, Seconds
from exporter.outbox import profiles
from tests.outbox.shapes import configuration

KEY = RuleKey("OutboxRetentionOverdue", Severity.TICKET)
STALLED = Override("OutboxStalled", "page", Amount(900, is_time=True))
OWN = Override("OutboxRetentionOverdue", "ticket", Amount(86_400, is_time=True))
DAY = 86_400


def of(profile: str, *thresholds: Override, **alerting: Any) -> Config:
    config = replace(Config(), outbox=OutboxSettings(profile=profile))
    return replace(config, alerting=replace(config.alerting, thresholds=thresholds, **alerting))


@pytest.mark.parametrize(
    ("profile", "days"),
    [("pg-boss", 9), ("good-job", 15), ("river", 2), ("chancy", 2), ("nservicebus", 8), ("pg-transactional-outbox", 8)],
)
def test_a_library_that_removes_processed_jobs(profile, days):
    """Its retention, how often it removes, and a day; with the source, and without the default tables' Sundays."""
    rule = configured_policy(of(profile)).rule(KEY)
    assert rule.threshold == days * DAY
    assert rule.expr == f"outbox:oldest_processed_age_seconds > {days * DAY}"
    assert "https://" in rule.source
    assert rule.source.endswith(")")
    assert rule.description.endswith(" ago. It should have been removed by now.")


@pytest.mark.parametrize("profile", ["procrastinate", "pgqueuer", "bullmq", "spring-modulith", "oban"])
def test_a_library_that_keeps_them(profile):
    """There is no threshold but a configured one."""
    policy = configured_policy(of(profile))
    assert policy.missing("OutboxRetentionOverdue").endswith("; alerting.thresholds sets a limit")
    assert KEY not in {rule.key for rule in policy.rules}
    rule = configured_policy(of(profile, OWN)).rule(KEY)
    assert rule.threshold == DAY
    assert rule.source.startswith("this configuration; the policy says threshold 38d: deployed: 30 days, plus the week")


def test_every_library_whose_processed_jobs_stay_says_which():
    for profile in map(profiles.load, profiles.names()):
        said = profile.retention
        assert bool(said.threshold or said.reason) == profile.mapping.has_processed, profile.name
        assert bool(said.threshold) == bool(said.source) == (profile.mapping.has_processed and not said.reason)


def test_the_configuration_comes_first():
    """A configured threshold is in place of the library's; a configured duration is beside it."""
    assert overrides(of("river", STALLED, OWN)) == (STALLED, OWN)
    held = replace(OWN, threshold=None, hold_duration=Seconds(600))
    rule = configured_policy(of("river", held, time_scale=Ratio(0.5))).rule(KEY)
    assert (rule.threshold, rule.hold_duration) == (DAY, 300)
    assert rule.source.startswith("CompletedJobRetentionPeriod, 24 hours by default, and one day")


def test_a_mapping_of_ones_own():
    """Nobody has said how long its jobs are kept."""
    config = configuration("status")
    reason = "the mapping does not say how long processed jobs are kept; alerting.thresholds sets a limit"
    assert (overrides(config), reason_without(config)) == ((), reason)
    held = replace(OWN, threshold=None, hold_duration=Seconds(600))
    alerting = replace(config.alerting, thresholds=(held,))
    assert configured_policy(replace(config, alerting=alerting)).missing("OutboxRetentionOverdue") == reason


def test_the_default_tables_with_another_limit_of_attempts():
    """They have their clean-up."""
    config = replace(Config(), outbox=OutboxSettings(profile="default", max_attempts="5"))
    assert configured_policy(config).rule(KEY).threshold == 38 * DAY
