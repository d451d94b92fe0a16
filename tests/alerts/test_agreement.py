"""The sidecar and Prometheus come to the same alerts by the same rules.

To the evaluation, over many faults in simulated time, where promtool evaluates the shipped rule file; and live, where a
real Prometheus scrapes the samples of the rule manager.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.rule_group import RuleGroup
from alerts.model import Alert, Outlet, Policy, State
from alerts.policy.load import load_policy
from alerts.policy.rule_file import rule_file
from tests.alerts.faulty import FAULTS, FaultyOutbox, Sample, Shown
from tests.alerts.promql.random_scrapes import labelled
from tests.newest import Require, require_newest
from tests.requirements import require_program

JOB: Final = {"job": "outbox-exporter", "instance": "sidecar"}
INTERVAL: Final = 15
# So that a few minutes are enough; and no window of a rate or a trend is a whole number of intervals, where Prometheus
# 2 and 3 differ. With the latter, which the engine follows, that is tried as well.
SCALE: Final = 0.21
WHOLE: Final = 0.2
BEGINS, ENDS, TICKS = 25, 85, 120
# Texts are compared at every tenth evaluation.
TEXTS: Final = 10
BOTH: Final = frozenset({Outlet.PROMETHEUS, Outlet.SIDECAR})


@dataclass(slots=True)
class Course:
    """The series of a fault, and the alerts of the sidecar; by scrape."""

    series: dict[tuple[str, tuple[tuple[str, str], ...]], list[float | None]] = field(default_factory=dict)
    alerts: list[tuple[Alert, ...]] = field(default_factory=list)

    def see(self, samples: Iterable[Sample]) -> None:
        """Another tick's samples; None where a series is missing."""
        tick = len(self.alerts)
        seen = {(metric, labels): value for metric, labels, value in samples}
        for each in seen:
            self.series.setdefault(each, [None] * tick)
        for each, values in self.series.items():
            values.append(seen.get(each))


def labelled_samples(shown: Iterable[Shown]) -> list[Sample]:
    """The samples of an outbox, with the labels of a scrape."""
    samples = [(metric, labelled(**labels, **JOB), value) for metric, labels, value in shown]
    return [*samples, ("up", labelled(**JOB), 1.0)]


def course(policy: Policy, fault: Any) -> Course:
    """A fault from before its beginning to after its end."""
    outbox, rule_group, result = FaultyOutbox(fault, BEGINS, ENDS, pace=SCALE), RuleGroup(policy), Course()
    for tick in range(TICKS):
        now = float(tick * INTERVAL)
        samples = labelled_samples(outbox.tick(now))
        result.see(samples)
        look = ClockReading(now, float(INTERVAL) if tick else 0.0)
        result.alerts.append(rule_group.evaluate(look, samples, outbox.fresh).alerts)
    return result


@pytest.mark.parametrize(
    ("require", "scale"),
    [
        pytest.param(require_program, SCALE, id="debian"),
        pytest.param(require_newest, SCALE, id="newest"),
        pytest.param(require_newest, WHOLE, id="newest-whole-windows"),
    ],
)
def test_simulated_to_the_evaluation(tmp_path: Path, require: Require, scale: float) -> None:
    """At every evaluation of every fault: the same alerts, pending or firing, and now and then the same texts."""
    policy = load_policy(time_scale=scale)
    courses = {fault.__name__: course(policy, fault) for fault in FAULTS}
    fired = {
        alert.key.alert
        for each in courses.values()
        for alerts in each.alerts
        for alert in alerts
        if alert.state is State.FIRING
    }
    assert {rule.key.alert for rule in policy.rules if rule.outlets >= BOTH} == fired
    (tmp_path / "rules.yaml").write_text(rule_file(policy))
    tests = tmp_path / "tests.yaml"
    tests.write_text(json.dumps(promtool_file(policy, courses)))  # which is YAML, and quicker
    result = subprocess.run(
        [require("promtool"), "test", "rules", tests], capture_output=True, text=True, timeout=150, check=False
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[:20_000]


def promtool_file(policy: Policy, courses: Mapping[str, Course]) -> dict[str, Any]:
    """The alerts of the sidecar, as expected results for promtool."""
    groups = [group["name"] for group in yaml.safe_load(rule_file(policy))["groups"]]
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{INTERVAL}s",
        "group_eval_order": groups,
        "tests": [promtool_test(name, each) for name, each in courses.items()],
    }


def promtool_test(name: str, seen: Course) -> dict[str, Any]:
    """One fault."""
    return {
        "name": name,
        "interval": f"{INTERVAL}s",
        "input_series": [
            {"series": named(*each), "values": " ".join(written(values))} for each, values in seen.series.items()
        ],
        "promql_expr_test": [
            {
                "expr": "ALERTS",
                "eval_time": f"{tick * INTERVAL}s",
                "exp_samples": [as_series(each) for each in alerts],
            }
            for tick, alerts in enumerate(seen.alerts)
        ],
        "alert_rule_test": [
            {
                "eval_time": f"{tick * INTERVAL}s",
                "alertname": name,
                "exp_alerts": [
                    described(each) for each in alerts if each.key.alert == name and each.state is State.FIRING
                ],
            }
            for tick, alerts in list(enumerate(seen.alerts))[::TEXTS]
            for name in {each.key.alert for each in alerts}
        ],
    }


def named(metric: str, labels: Iterable[tuple[str, str]]) -> str:
    """A series as PromQL has it."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels)
    return f"{metric}{{{inside}}}"


def written(values: list[float | None]) -> list[str]:
    """Values in promtool's notation: one that is missing ends its series, as a scrape without it does."""
    before = [None, *values[:-1]]
    return [
        repr(value) if value is not None else "_" if earlier is None else "stale"
        for earlier, value in zip(before, values, strict=True)
    ]


def as_series(alert: Alert) -> dict[str, Any]:
    """The labels and value of the series ALERTS that Prometheus makes of it."""
    return {"labels": named("ALERTS", [*alert.labels, ("alertstate", alert.state.value)]), "value": 1}


def described(alert: Alert) -> dict[str, Any]:
    """An alert with its texts, as promtool writes it."""
    labels = {name: value for name, value in alert.labels if name != "alertname"}
    return {"exp_labels": labels, "exp_annotations": dict(alert.annotations)}
