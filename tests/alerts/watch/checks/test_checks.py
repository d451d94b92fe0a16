"""The checks resolve against the policy in every configuration, and have correct messages."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from alerts.model import RuleKey, Severity
from alerts.policy.load import configured_policy, load_policy
from alerts.watch.checks.checks import CheckParameters, resolve
from alerts.watch.checks.series import SERIES
from alerts.watch.model.check import BaselineLimit, Check, CheckKind
from exporter.config.settings import Amount, Config, OutboxSettings, Override
from exporter.core.errors import ConfigError
from tests.alerts.watch.fixtures import DAY, HOUR, policy
from tests.outbox.shapes import configuration

# Checks whose limit is a rule's threshold, with that rule.
RULES = {
    "oldest_job": "OutboxStalled/page",
    "backlog": "OutboxBacklogHigh/page",
    "head_blocked": "OutboxHeadBlocked/page",
    "failing_jobs": "OutboxFailureRatioHigh/ticket",
    "processing_time": "OutboxProcessingSlow/ticket",
    "initialisations": "OutboxFsmFailureRateHigh/page",
    "initialisation_budget": "OutboxFsmFailureBudgetBurn/ticket",
    "application_health": "OutboxAppUnhealthy/ticket",
    "application_answers": "OutboxAppUnreachable/ticket",
    "fallbacks": "OutboxFallbacksFrequent/ticket",
    "fallback_failures": "OutboxFallbacksFailing/page",
    "migration": "OutboxMigrationBroken/page",
    "outbox_readable": "OutboxSamplesStale/page",
    "expired_keys": "OutboxCleanupOverdue/ticket",
    "retention": "OutboxRetentionOverdue/ticket",
}


def checks(**more: object) -> dict[str, Check]:
    parameters = replace(CheckParameters(policy(), DAY, application=True), **more)  # type: ignore[arg-type] # fields by name
    return {check.name: check for check in resolve(parameters)}


def test_the_documented_healthy_values_are_checked():
    """Each aspect of a healthy system has its check, named once."""
    found = checks()
    others = {"traffic", "backlog_normal", "drain_time", "cleanup_ran", "pages"}
    before = {"processing_time_before", "oldest_job_before", "failing_jobs_before"}
    assert set(RULES) | others | before == set(found)
    assert len(found) == len(resolve(CheckParameters(policy(), DAY, application=True)))


@pytest.mark.parametrize(("name", "rule"), RULES.items())
def test_limits_are_the_policys(name, rule):
    """Of the rule, of its signal or one that is closer to the matter."""
    alert, _, severity = rule.partition("/")
    assert checks()[name].limit == policy().rule(RuleKey(alert, Severity(severity))).threshold


def test_an_override_moves_the_check_with_its_rule():
    """The configuration's thresholds hold for both."""
    changed = load_policy((Override("OutboxBacklogHigh", "page", Amount(50)),))
    assert checks(policy=changed)["backlog"].limit == 50
    assert checks(policy=changed)["backlog"].good == "never exceeded 50 jobs"


def test_maintenance_excuses_the_checks_that_the_policy_mutes():
    """A check is excused where the rule behind it is."""
    for name, rule in RULES.items():
        alert, _, severity = rule.partition("/")
        excused = "outbox:maintenance_active" in policy().rule(RuleKey(alert, Severity(severity))).expr
        # A job that was created in the maintenance and processed after it took long; the rule covers this.
        assert checks()[name].excused == (excused or name == "processing_time"), name


def test_budgets_allow_one_interruption_at_least():
    """A share of the watch, but never less than one allowed interruption."""
    for check in checks().values():
        assert check.budget.total >= check.budget.stretch > 0
    assert checks()["backlog"].budget.total == 864
    assert checks(duration=HOUR)["backlog"].budget.total == 300
    assert math.isinf(checks()["traffic"].budget.total)


def test_scaling_shrinks_durations_and_not_the_clock():
    """Durations are scaled to seconds; a time of day stays the same."""
    scaled = checks(policy=policy(0.01), duration=600.0, time_scale=0.01)
    assert scaled["oldest_job"].limit == 3
    assert scaled["backlog"].limit == 1000
    assert scaled["drain_time"].limit == 9
    assert scaled["backlog"].budget.stretch == 3
    assert scaled["expired_keys"].limit == 26 * HOUR
    assert scaled["retention"].limit == 38 * DAY


def test_all_page_alerts_are_checks():
    """Except for checks of missing samples and of the watch itself."""
    rules = checks()["pages"].rules
    assert "OutboxStalled/page" in rules
    assert "OutboxHeadBlocked/page" in rules
    assert not [rule for rule in rules if re.match(r"OutboxWatch|OutboxExporterDown|OutboxDatabase|OutboxBlind", rule)]
    assert "OutboxStalled/page" in checks()["pages"].rules_by_clock
    assert "OutboxHeadBlocked/page" not in checks()["pages"].rules_by_clock


def test_without_an_application():
    """Checks that need the application are not evaluated; the others do not depend on it."""
    found = checks(application=False)
    gone = {name for name, check in found.items() if check.not_applicable}
    assert gone == {
        *("initialisations", "initialisation_budget", "application_health", "application_answers"),
        *("fallbacks", "fallback_failures"),
    }
    assert not [name for name, check in found.items() if "application" in check.collectors]


def test_every_check_can_be_explained():
    """A title, a source, and a sentence that names its limit."""
    for check in checks().values():
        assert check.title
        assert check.source
        sentence = f"{check.subject} {check.good} {check.bad}"
        assert "{" not in sentence
        assert check.subject[0].isupper()
        assert check.collectors or check.kind is CheckKind.LEVEL


def test_scaled_messages_name_the_scaled_durations():
    """A window that a time scale shrinks is not called five minutes."""
    scaled = checks(policy=policy(0.1), time_scale=0.1)
    assert scaled["fallbacks"].good == "was never proved to exceed 10 in 30 s"
    assert scaled["fallback_failures"].bad == "reached 3 in 1 min"
    assert scaled["initialisation_budget"].subject == "The failure rate of initialisations in 36 min"
    assert checks()["fallbacks"].good == "was never proved to exceed 10 in 5 min"


def test_evidence_is_among_the_stored_series():
    """So are the rows that clean-ups leave."""
    for check in checks().values():
        assert all(each.counter in SERIES for each in check.evidence)
        assert check.schedule is None or {check.schedule.oldest, check.schedule.clock} <= set(SERIES)


def test_a_policy_without_a_rule_is_refused():
    """A limit from nowhere would be none."""
    lacking = replace(policy(), rules=tuple(rule for rule in policy().rules if rule.key.alert != "OutboxStalled"))
    with pytest.raises(ConfigError, match="OutboxStalled/page"):
        checks(policy=lacking)
    lacking = replace(policy(), signals=tuple(each for each in policy().signals if "backlog_jobs" not in each.record))
    with pytest.raises(ConfigError, match="outbox:backlog_jobs is not a signal"):
        checks(policy=lacking)


def test_comparisons_with_earlier_days():
    """By how much a signal may be higher, and of which collectors it is; durations are scaled."""
    found = {name: check.baseline_limit for name, check in checks().items() if check.baseline_limit is not None}
    assert found == {
        "processing_time_before": BaselineLimit(tolerance=0.5, floor=15.0, traffic=20.0),
        "oldest_job_before": BaselineLimit(tolerance=0.5, floor=15.0, absent=0.0),
        "failing_jobs_before": BaselineLimit(tolerance=1.0, floor=0.01, traffic=20.0),
    }
    assert checks()["processing_time_before"].collectors == ("throughput",)
    scaled = checks(policy=policy(0.1), time_scale=0.1)["oldest_job_before"].baseline_limit
    assert scaled is not None
    assert scaled.floor == 1.5


APPLY = {
    "timestamp": "traffic oldest_job backlog backlog_normal drain_time processing_time outbox_readable pages "
    "processing_time_before oldest_job_before",
    "status": "traffic oldest_job backlog backlog_normal drain_time failing_jobs processing_time outbox_readable "
    "pages processing_time_before oldest_job_before failing_jobs_before",
    "boolean": "oldest_job backlog backlog_normal outbox_readable pages oldest_job_before",
    "deleted": "oldest_job backlog backlog_normal outbox_readable pages oldest_job_before",
}


@pytest.mark.parametrize("shape", APPLY)
def test_checks_of_other_outboxes(shape):
    """Those of which a signal is not known are not evaluated; they have their limits all the same."""
    found = checks(policy=configured_policy(configuration(shape)), application=False)
    assert [name for name, check in found.items() if not check.not_applicable] == APPLY[shape].split()
    assert found["head_blocked"].not_applicable == "which jobs a worker takes next is known of the default table only"
    assert found["head_blocked"].limit == 50
    assert found["migration"].not_applicable == "belongs to the default tables"
    assert found["application_answers"].not_applicable == "no application is configured"
    assert found["retention"].not_applicable
    left = {"OutboxHeadBlocked/page", "OutboxMigrationBroken/page"}
    assert not left & set(found["pages"].rules)


def test_retention_of_other_outboxes():
    """Its limit and source are those of the rule; without a threshold of their own it is not evaluated."""
    assert checks()["retention"].source == "deployed: 30 days, plus the week between two Sundays, plus one day"
    kept = {
        profile: checks(
            policy=configured_policy(replace(Config(), outbox=OutboxSettings(profile=profile))), application=False
        )["retention"]
        for profile in ("river", "procrastinate")
    }
    assert (kept["river"].limit, kept["river"].not_applicable) == (172_800, "")
    assert kept["river"].source.startswith("CompletedJobRetentionPeriod, 24 hours by default, and one day (https://")
    assert kept["procrastinate"].not_applicable == (
        "procrastinate keeps processed jobs unless it is told otherwise (delete_jobs is `never` by default); "
        "alerting.thresholds sets a limit"
    )
