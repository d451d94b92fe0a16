"""A policy for an outbox that lacks some metrics: which alerts remain, and that they are right."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest

from alerts.model import Policy
from alerts.policy.expressions import Dialect
from alerts.policy.grafana_file import grafana_rules
from alerts.policy.left_out import missing, unknown_series
from alerts.policy.load import configured_policy, load_policy
from alerts.policy.rule_file import rule_file, vm_rule
from alerts.promql.absence import remaining
from alerts.promql.parse import parse
from alerts.promql.syntax_tree import RangeSelector, VectorSelector, walk
from exporter.config.settings import ApplicationSettings, Config, OutboxSettings
from exporter.core.types import Url
from exporter.outbox import profiles
from tests.alerts.rules.grafana import as_rule_file
from tests.alerts.rules.series import DAY, HEALTHY, STEP, SeriesByName, age, counting, flat, labelled, notation
from tests.outbox.shapes import SHAPES, configuration
from tests.requirements import require_program

# Of every outbox.
ALWAYS: Final = (
    "OutboxExporterDown",
    "OutboxDatabaseUnreachable",
    "OutboxBlind",
    "OutboxSamplesStale",
    "OutboxCollectorFailing",
    "OutboxConfigReloadFailed",
    "OutboxNotificationsFailing",
    "OutboxNotificationsRefused",
    "OutboxWatchdog",
    "OutboxDrill",
    "OutboxDrillFailed",
    "OutboxStalled",
    "OutboxBacklogHigh",
    "OutboxBacklogGrowing",
    "OutboxJobsWaitingLong",
    "OutboxVacuumBlocked",
    "OutboxMaintenanceOverrun",
    "OutboxWatchFailed",
    "OutboxWatchInconclusive",
    "OutboxWatchPassed",
)
TIMED: Final = (
    "OutboxProcessingSlow",
    "OutboxLatencyBudgetBurnFast",
    "OutboxLatencyBudgetBurnSlow",
)
EXHAUSTED: Final = ("OutboxJobsExhausted", "OutboxJobsExhaustedGrowing")
ALERTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "timestamp": (*ALWAYS, *TIMED, "OutboxJobsUnaccounted"),
        "status": (*ALWAYS, *TIMED, *EXHAUSTED, "OutboxFailureRatioHigh"),
        "boolean": ALWAYS,
        "deleted": (*ALWAYS, *EXHAUSTED),
    }
)
# Seconds.
LENGTH: Final = 900
EVER_FIRED: Final = 'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[15m]))'


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(
        [require_program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("shape", SHAPES)
def test_the_alerts_that_remain(shape):
    """By name; what is left out has a reason."""
    policy = configured_policy(configuration(shape))
    remain = {rule.key.alert for rule in policy.rules}
    assert remain == set(ALERTS[shape])
    every = {rule.key.alert for rule in load_policy().rules}
    assert {each.name for each in policy.left_out if each.name.startswith("Outbox")} == every - remain
    assert all(each.reason for each in policy.left_out)


def test_the_reasons():
    """The first that holds, for signals and alerts alike."""
    found = configured_policy(configuration("deleted")).left_out_by_reason
    assert found["the row of a processed job is deleted"][-6:] == (
        "OutboxJobsUnaccounted",
        "OutboxProcessingSlow",
        "OutboxLatencyBudgetBurnFast",
        "OutboxLatencyBudgetBurnSlow",
        "OutboxFailureRatioHigh",
        "OutboxRetentionOverdue",
    )
    assert found["no application is configured"][-2:] == ("OutboxAppUnhealthy", "OutboxAppUnreachable")
    assert configured_policy(configuration("boolean")).missing("OutboxJobsExhausted") == (
        "no column says which jobs are not attempted any more"
    )


def test_the_default_tables_have_all_of_it():
    """Although no application is configured: the shipped files are for both."""
    policy = configured_policy(Config())
    assert (policy, policy.left_out) == (load_policy(runbook=policy.rules[0].runbook_url), ())
    reason = unknown_series(replace(Config(), application=ApplicationSettings(url=Url("http://localhost")))).reason
    for expr in exprs(policy):
        tree = parse(expr)
        assert remaining(tree, reason) is tree, expr


def exprs(policy: Policy) -> list[str]:
    return [*(signal.expr for signal in policy.signals), *(rule.expr for rule in policy.rules)]


def metrics(policy: Policy) -> set[str]:
    nodes = [node for expr in exprs(policy) for node in walk(parse(expr))]
    selectors = [node.selector if isinstance(node, RangeSelector) else node for node in nodes]
    return {each.metric for each in selectors if isinstance(each, VectorSelector)}


@pytest.mark.parametrize("profile", profiles.names())
def test_nothing_refers_to_what_is_left_out(profile):
    """Neither an expression nor an inhibition; collectors that do not run are not waited for."""
    policy = configured_policy(replace(Config(), outbox=OutboxSettings(profile=profile)))
    absent = {each.name for each in policy.left_out} | set(policy.unknown_metrics)
    assert not metrics(policy) & absent
    assert not {key for rule in policy.rules for key in rule.muted_by} - {rule.key for rule in policy.rules}
    awaited = {name for rule in policy.rules for name in rule.collectors}
    has_processed = "outbox_processed_jobs_total" not in policy.unknown_metrics
    assert awaited <= {"backlog", "maintenance", "tables", *(["throughput", "last_hour"] if has_processed else [])}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_rule_files_are_accepted(shape, tmp_path):
    """Prometheus' and Grafana's by promtool. Each begins with what is left out."""
    policy = configured_policy(configuration(shape))
    shown = "# Left out: outbox:head_blocked_jobs, OutboxHeadBlocked. Reason: which jobs a worker takes next is known"
    for text in (rule_file(policy), grafana_rules(policy)):
        assert shown in text
    (tmp_path / "rules.yaml").write_text(rule_file(policy))
    (tmp_path / "grafana.yaml").write_text(as_rule_file(grafana_rules(policy)))
    promtool("check", "rules", tmp_path / "rules.yaml", tmp_path / "grafana.yaml")
    metricsql = configured_policy(configuration(shape), dialect=Dialect.METRICSQL)
    assert [rule.key for rule in metricsql.rules] == [rule.key for rule in policy.rules]
    assert shown in vm_rule(metricsql)


def test_texts_are_about_this_outbox():
    """Its table, and what exhausted means here; the name of a table has no other meaning in a text."""
    texts = {
        (shape, rule.key.alert): rule.description
        for shape in SHAPES
        for rule in configured_policy(configuration(shape)).rules
    }
    assert "A lock on outbox_messages or a slow statement" in texts["status", "OutboxSamplesStale"]
    assert not any("job_outbox" in text for text in texts.values())
    assert "exhausted jobs, which are not attempted any more." in texts["deleted", "OutboxJobsExhausted"]


FOREIGN: Final = re.compile(
    r"migration|rollback|verify|course|pm2|cron|\bRPC\b|\bpoll|FSM|idempotenc|Sunday|UTC|processor|job_outbox|processed_at",
    re.IGNORECASE,
)


@pytest.mark.parametrize("outbox", [*profiles.names(), *SHAPES])
def test_texts_name_nothing_of_the_default_tables(outbox):
    """Summaries and descriptions, which are sent to people."""
    profile = replace(Config(), outbox=OutboxSettings(profile=outbox))
    policy = configured_policy(configuration(outbox) if outbox in SHAPES else profile)
    texts = [text for rule in policy.rules for text in (rule.summary, rule.description)]
    assert not [text for text in texts if FOREIGN.search(text)]
    assert any("The watch has failed" in text for text in texts)


def test_expressions_of_others():
    """A series, a signal or an expression, as checks and panels have them."""
    policy = configured_policy(configuration("deleted"))
    deleted = "the row of a processed job is deleted"
    assert missing("outbox:drain_time_seconds", policy) == deleted
    assert missing('outbox_processing_time_seconds_bucket{le="60"}', policy) == deleted
    assert missing("rate(outbox_processed_jobs_total[5m]) or outbox_pending_jobs", policy) == ""
    assert missing('outbox_pending_jobs{state="exhausted"}', policy) == ""
    assert missing("outbox_processed_jobs_total", load_policy()) == ""
    boolean = configured_policy(configuration("boolean"))
    assert missing('sum(outbox_pending_jobs{state=~"failing|exhausted"})', boolean) == (
        "no column says which jobs were attempted"
    )
    assert missing('sum(outbox_pending_jobs{state!="exhausted"})', boolean) == ""


# --- what fires --------------------------------------------------------------------------------------------------


def series_of(shape: str, **changes: object) -> SeriesByName:
    """A healthy outbox of this shape, without the series that it does not have."""
    reason = unknown_series(configuration(shape)).reason
    healthy = dict(HEALTHY)
    healthy["outbox_scheduled_jobs"] = flat(2)
    healthy["outbox_running_jobs"] = flat(1)
    healthy |= changes  # type: ignore[arg-type] # series by name
    return {name: series for name, series in healthy.items() if not _is_missing(name, reason)}


def _is_missing(name: str, reason: object) -> bool:
    tree = parse(name)
    assert isinstance(tree, VectorSelector)
    return bool(reason(tree))  # type: ignore[operator] # a function of the selector


def pending(state: str) -> str:
    return f'outbox_pending_jobs{{state="{state}"}}'


def oldest(state: str) -> str:
    return f'outbox_oldest_pending_timestamp_seconds{{state="{state}"}}'


STALL: Final = {pending("waiting"): counting(1, start=3), oldest("waiting"): flat(0)}
KEPT: Final = {pending("exhausted"): flat(5000), oldest("exhausted"): age(6 * DAY)}
QUIET: Final = {"outbox_processed_jobs_total": counting(2), "outbox_last_hour_processed_jobs": flat(120)}
STOPPED: Final = {"outbox_processed_jobs_total": flat(1000), "outbox_created_jobs_total": counting(1)}
CASES: Final = [
    ("status", {}, set()),
    ("boolean", {}, set()),
    ("deleted", {}, set()),
    # Jobs that are due tomorrow are neither backlog nor age.
    ("status", {"outbox_scheduled_jobs": flat(5000)}, set()),
    ("deleted", {"outbox_scheduled_jobs": flat(5000)}, set()),
    # Exhausted jobs that are kept for days, of an outbox with little traffic, are exhausted and nothing else.
    ("status", {**KEPT, **QUIET}, {"OutboxJobsExhausted"}),
    ("deleted", KEPT, {"OutboxJobsExhausted"}),
    # A dead worker.
    ("status", {**STALL, **STOPPED}, {"OutboxStalled", "OutboxJobsWaitingLong"}),
    ("timestamp", {**STALL, **STOPPED}, {"OutboxStalled", "OutboxJobsWaitingLong"}),
    ("boolean", STALL, {"OutboxStalled", "OutboxJobsWaitingLong"}),
    ("deleted", STALL, {"OutboxStalled", "OutboxJobsWaitingLong"}),
    # One of two attempts in an hour failed, beside many that failed days ago: too few.
    (
        "status",
        {**KEPT, **QUIET, "outbox_last_hour_processed_jobs": flat(1), "outbox_last_hour_failure_ratio": flat(0.5)},
        {"OutboxJobsExhausted"},
    ),
    (
        "status",
        {"outbox_last_hour_processed_jobs": flat(30), "outbox_last_hour_failure_ratio": flat(0.5)},
        {"OutboxFailureRatioHigh"},
    ),
    # All attempts failed, and the jobs wait for their next one.
    (
        "status",
        {
            **STOPPED,
            "outbox_scheduled_jobs": flat(40),
            "outbox_last_hour_processed_jobs": flat(0),
            "outbox_last_hour_failure_ratio": flat(1),
        },
        {"OutboxFailureRatioHigh"},
    ),
]


def test_what_fires(tmp_path):
    """Within a quarter of an hour; the watchdog fires always."""
    files = []
    for shape in SHAPES:
        rules = tmp_path / f"{shape}.yaml"
        rules.write_text(rule_file(configured_policy(configuration(shape))))
        tests = [_test(shape, changes, alerts) for each, changes, alerts in CASES if each == shape]
        document = {"rule_files": [rules.name], "evaluation_interval": f"{STEP}s", "tests": tests}
        files.append(tmp_path / f"{shape}.test.json")
        files[-1].write_text(json.dumps(document))
    promtool("test", "rules", *files)


def _test(shape: str, changes: Mapping[str, object], alerts: set[str]) -> dict[str, object]:
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted({*alerts, "OutboxWatchdog"})]
    return {
        "name": f"{shape}: {sorted(alerts)}",
        "interval": f"{STEP}s",
        "input_series": [
            {"series": labelled(name, job="outbox-exporter", instance="a:9721"), "values": notation(series, LENGTH)}
            for name, series in series_of(shape, **changes).items()
        ],
        "promql_expr_test": [{"expr": _counted(), "eval_time": "15m", "exp_samples": samples}],
    }


def _counted() -> str:
    """1 for each alert that fired, whatever the number of its severities."""
    return f"({EVER_FIRED}) > bool 0"
