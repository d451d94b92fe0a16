"""The policy with a configuration: complete expressions, times in seconds, inhibition."""

from __future__ import annotations

import pytest

from alerts.model import Outlet, RuleKey, Severity
from alerts.policy.load import configured_policy, load_policy, override_error_in_default_policy, read_document
from exporter.config.settings import AlertingSettings, Amount, Config, Override, SamplingSettings, WebSettings
from exporter.core.errors import ConfigError
from exporter.core.types import Ratio, Seconds, Url
from tests.alerts.policies import SMALL

PAGE, TICKET = Severity.PAGE, Severity.TICKET
POLICY = load_policy()


def rule(alert: str, severity: Severity = PAGE, policy=POLICY):
    return policy.rule(RuleKey(alert, severity))


def signal(record: str, policy=POLICY):
    (found,) = [each for each in policy.signals if each.record == record]
    return found


@pytest.fixture
def small(monkeypatch):
    """Loads a small policy with options."""
    document = read_document(SMALL, "small.yaml")
    monkeypatch.setattr("alerts.policy.load._default_document", lambda: document)
    return load_policy


def test_expressions_are_complete(small):
    """Durations as text in windows and offsets, seconds and numbers elsewhere, the job's name, `while` as well."""
    policy = small(job="orders")
    assert signal("outbox:a", policy).expr == "max(a[5m] offset 1h)"
    assert signal("outbox:b", policy).expr == 'outbox:a{job="orders"}'
    assert rule("OutboxGone", PAGE, policy).expr == "up < 1"
    assert rule("OutboxSlow", PAGE, policy).expr == "(outbox:b > 300) and (x < 2) and (y > 60)"
    assert rule("OutboxSlow", TICKET, policy).expr == "((outbox:b > 120) and (x < 2) and (y > 60)) and (z == 2)"
    assert policy.job == "orders"


def test_expressions_for_several_jobs(small):
    """What names the job is the union of all of them; everything else is about all series anyway."""
    policy = small(jobs=["orders", "billing", "orders"])
    assert signal("outbox:a", policy).expr == "max(a[5m] offset 1h)"
    assert signal("outbox:b", policy).expr == '(outbox:a{job="orders"}) or (outbox:a{job="billing"})'
    assert policy.job == "orders"


def test_a_rule_has_everything(small):
    """The policy's entry for it, in seconds, with its runbook by name."""
    slow = rule("OutboxSlow", PAGE, small())
    assert (slow.threshold, slow.hold_duration, slow.keep_firing_for, slow.unit) == (300, 240, 600, "seconds")
    assert (slow.group, slow.summary, slow.description, slow.source) == ("two", "Slow", "Slow.", "there")
    assert (slow.signal, slow.collectors, slow.outlets) == ("outbox:b", ("backlog",), frozenset(Outlet))
    assert slow.runbook_url == ""
    assert rule("OutboxGone", PAGE, small()).outlets == {Outlet.PROMETHEUS}
    linked = small(runbook="https://wiki/x/{alert}.md")
    assert rule("OutboxSlow", PAGE, linked).runbook_url == "https://wiki/x/OutboxSlow.md"


def test_inhibition_of_rules(small):
    """A page mutes its ticket; a rule that hides collectors mutes the rules that need them; none mutes itself."""
    policy = small()
    gone, page = RuleKey("OutboxGone", PAGE), RuleKey("OutboxSlow", PAGE)
    assert rule("OutboxSlow", TICKET, policy).muted_by == (page, gone)
    assert rule("OutboxSlow", PAGE, policy).muted_by == (gone,)
    assert rule("OutboxGone", PAGE, policy).muted_by == ()


def test_the_time_scale_applies_to_every_duration_and_nothing_else(small):
    """Windows, offsets, parameters and thresholds that are times, `for`, `keep_firing_for`; no number, no interval."""
    policy = small(time_scale=0.01)
    assert signal("outbox:a", policy).expr == "max(a[3s] offset 36s)"
    slow = rule("OutboxSlow", TICKET, policy)
    assert slow.expr == "((outbox:b > 1.2) and (x < 2) and (y > 0.6)) and (z == 2)"
    assert (slow.threshold, slow.hold_duration, slow.keep_firing_for) == (1.2, 1.8, 6)
    assert rule("OutboxGone", PAGE, policy).threshold == 1
    assert policy.interval == 15


def test_the_shortest_duration_is_accepted_by_prometheus(small):
    """A millisecond, however small the scale."""
    assert signal("outbox:a", small(time_scale=1e-9)).expr == "max(a[1ms] offset 1ms)"


def test_rules_are_evaluated_as_often_as_the_exporter_samples(small):
    """A quick exporter has quick rules; a slow one does not slow them down."""
    assert small(interval=1.0).interval == 1
    assert small(interval=60.0).interval == 15


def test_overrides_change_one_rule(small):
    """An override changes threshold, for-duration or both; the source names the old and new values."""
    changed = small([Override("OutboxSlow", "page", Amount(600, is_time=True), Seconds(60))], time_scale=0.5)
    slow = rule("OutboxSlow", PAGE, changed)
    assert (slow.threshold, slow.hold_duration) == (300, 30)
    assert slow.expr.startswith("(outbox:b > 300)")
    assert slow.source == "this configuration; the policy says threshold 5m, for 4m: there"
    assert rule("OutboxSlow", TICKET, changed) == rule("OutboxSlow", TICKET, small(time_scale=0.5))
    held = rule("OutboxGone", PAGE, small([Override("OutboxGone", "page", hold_duration=Seconds(0))]))
    assert (held.threshold, held.hold_duration) == (1, 0)
    assert held.source == "this configuration; the policy says for 2m: here"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (Override("OutboxSlwo", "page"), 'unknown alert; did you mean "OutboxSlow"?'),
        (Override("Something", "page"), "unknown alert"),
        (Override("OutboxGone", "ticket"), "OutboxGone has only the severities page"),
        (Override("OutboxSlow", "pgae"), "OutboxSlow has only the severities ticket, page"),
        (Override("OutboxGone", "page", Amount(0)), "the alert has no threshold: only `for` can be changed"),
        (Override("OutboxSlow", "page", Amount(300)), "expected a duration such as 5m"),
        (Override("OutboxSlow", "page", Amount(0, is_time=True)), "expected a duration such as 5m"),
    ],
)
def test_overrides_that_make_no_sense_are_refused(small, override, problem):
    """With the nearest name, or with the expected type; all errors are reported together."""
    assert override_error_in_default_policy(override) == problem
    place = f"alerting.thresholds.{override.alert}.{override.severity}"
    with pytest.raises(ConfigError) as raised:
        small([override, override])
    assert raised.value.problems == (f"{place}: {problem}",) * 2


def test_overrides_of_the_shipped_policy_are_measured_by_its_units():
    """Jobs are counted, a ratio is a share."""
    assert override_error_in_default_policy(Override("OutboxBacklogHigh", "page", Amount(2000))) is None
    assert (
        override_error_in_default_policy(Override("OutboxBacklogHigh", "page", Amount(2, is_time=True)))
        == "expected a number of jobs"
    )
    assert override_error_in_default_policy(Override("OutboxFailureRatioHigh", "ticket", Amount(0.2))) is None
    assert (
        override_error_in_default_policy(Override("OutboxFailureRatioHigh", "ticket", Amount(20)))
        == "expected a ratio from 0 to 1"
    )
    assert override_error_in_default_policy(Override("OutboxExporterDown", "page", hold_duration=Seconds(300))) is None


def test_the_shipped_policy_is_whole():
    """Every alert of the contract is there, with these severities."""
    severities: dict[str, set[str]] = {}
    for each in POLICY.rules:
        severities.setdefault(each.key.alert, set()).add(each.key.severity.value)
    both, page, ticket = {"page", "ticket"}, {"page"}, {"ticket"}
    contract = {
        "OutboxExporterDown": page, "OutboxDatabaseUnreachable": page, "OutboxBlind": page, "OutboxSamplesStale": page,
        "OutboxStalled": page, "OutboxBacklogHigh": both, "OutboxBacklogGrowing": ticket, "OutboxJobsWaitingLong": both,
        "OutboxHeadBlocked": both, "OutboxJobsExhausted": ticket, "OutboxProcessingSlow": ticket,
        "OutboxFailureRatioHigh": ticket, "OutboxFsmFailureRateHigh": page, "OutboxFallbacksFrequent": ticket,
        "OutboxFallbacksFailing": page, "OutboxAppUnhealthy": ticket, "OutboxAppUnreachable": ticket,
        "OutboxCleanupOverdue": ticket, "OutboxRetentionOverdue": ticket, "OutboxMigrationBroken": both,
        "OutboxWatchFailed": page, "OutboxWatchInconclusive": ticket, "OutboxWatchPassed": {"info"},
        "OutboxMaintenanceOverrun": ticket, "OutboxWatchdog": {"none"},
    }  # fmt: skip
    assert contract.items() <= severities.items()


def test_rules_that_hide_data_mute_rules_that_need_it():
    """Rules on application data are not muted by rules that hide database collectors."""
    stalled = {str(key) for key in rule("OutboxStalled").muted_by}
    seeing = {f"{alert}/page" for alert in ("OutboxExporterDown", "OutboxDatabaseUnreachable", "OutboxBlind")}
    assert seeing | {"OutboxSamplesStale/page"} <= stalled
    starting = {key.alert for key in rule("OutboxFsmFailureRateHigh").muted_by}
    assert starting == {"OutboxExporterDown", "OutboxDatabaseUnreachable"}


def test_the_policy_of_a_configuration():
    """Overrides, job, time scale, runbooks and the sampling interval."""
    config = Config(
        sampling=SamplingSettings(interval=Seconds(2)),
        alerting=AlertingSettings(
            job="orders",
            time_scale=Ratio(0.1),
            thresholds=(Override("OutboxBacklogHigh", "page", Amount(2000)),),
            runbook_base_url=Url("https://wiki"),
        ),
    )
    policy = configured_policy(config)
    high = rule("OutboxBacklogHigh", PAGE, policy)
    assert (policy.job, policy.interval, high.threshold, high.hold_duration) == ("orders", 2, 2000, 30)
    assert high.runbook_url == "https://wiki/OutboxBacklogHigh.md"
    assert configured_policy(Config()) == POLICY


@pytest.mark.parametrize(
    ("external", "base", "link"),
    [
        (None, None, ""),
        ("https://ops.example/outbox", None, "https://ops.example/outbox/runbooks/OutboxStalled"),
        (None, "https://wiki.example", "https://wiki.example/OutboxStalled.md"),
        ("https://ops.example", "https://wiki.example/r", "https://wiki.example/r/OutboxStalled.md"),
    ],
)
def test_where_runbooks_are(external, base, link):
    """The configured base URL, else the exporter's own page, else empty."""
    config = Config(
        web=WebSettings(external_url=external and Url(external)),
        alerting=AlertingSettings(runbook_base_url=base and Url(base)),
    )
    assert rule("OutboxStalled", PAGE, configured_policy(config)).runbook_url == link


def test_loading_leaves_the_shipped_policy_alone():
    """Options of one call do not affect another."""
    load_policy([Override("OutboxStalled", "page", Amount(60, is_time=True))], time_scale=0.5)
    assert load_policy() == POLICY
