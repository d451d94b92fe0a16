"""Runs scenarios with VictoriaMetrics' vmalert-tool: the same rules in MetricsQL, as vmalert evaluates them.

vmalert writes the samples of signals into the storage and reads them from there. A rule reads those of the previous
evaluation, so each signal that an alert depends on delays it by an interval. A scenario has the state of an alert at a
time; here the state has to be reached within that delay.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

from tests.alerts.rules.case import (
    Case,
    Together,
    alert_tests,
    by_alert,
    failures_by_case,
    input_series,
    layers,
    only_rules_of,
    selector_of,
    together,
)
from tests.alerts.rules.scenario import Scenario
from tests.alerts.rules.series import STEP, labelled

GROUP = "outbox"  # vmalert adds it to every alert, as the label alertgroup

# How it begins a failure, and where the name of the case is.
_FAILURE: Final = (
    r"\n *(?=testGroupName: |expr: )",
    r'testGroupName: ([^\s,]+)|case=~\\"\|([^"\\]+)',
)


def failures(tool: Path, directory: Path, rules: str, cases: Iterable[Case]) -> dict[str, str]:
    """The failures reported by vmalert-tool, by name of the case; a process for each alert."""
    document = yaml.safe_load(rules)
    found: dict[str, str] = {}
    for alert, each in by_alert(cases).items():
        file = _write(directory, only_rules_of(document, alert), each)
        done = subprocess.run(
            [tool, "unittest", "--files", file], capture_output=True, text=True, timeout=300, check=False
        )
        said = done.stdout + done.stderr
        failed = failures_by_case(said, *_FAILURE)
        assert bool(failed) == bool(done.returncode), said
        found |= failed
    return found


def _write(directory: Path, rules: Mapping[str, Any], cases: list[Case]) -> Path:
    alert = cases[0].scenario.alert
    file, tests = directory / f"{alert}.rules.json", directory / f"{alert}.vmalert.json"
    file.write_text(json.dumps(rules))
    document = {
        "rule_files": [file.name],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            _test(rules, tested) for tested in together(rules, cases) if tested.states or _has_steady_texts(rules)
        ],
    }
    tests.write_text(json.dumps(document))
    return tests


def _has_steady_texts(rules: Mapping[str, Any]) -> bool:
    """Whether the texts are those of Prometheus: they have no value that has grown meanwhile."""
    return not any(growing in json.dumps(rules) for growing in ("humanizeDuration", "predict_linear"))


def _test(rules: Mapping[str, Any], tested: Together) -> dict[str, Any]:
    late = layers(rules) * STEP
    texts = alert_tests(rules, tested.texts, late) if _has_steady_texts(rules) else []
    for alert in (alert for test in texts for alert in test["exp_alerts"]):
        alert["exp_labels"]["alertgroup"] = GROUP
    return {
        "name": tested.name,
        "interval": f"{STEP}s",
        "input_series": input_series(rules, tested, late),
        "alert_rule_test": [{**test, "groupname": GROUP} for test in texts],
        "metricsql_expr_test": [test for case in tested.states for test in _expr_tests(rules, case, late)],
    }


def _expr_tests(rules: Mapping[str, Any], case: Case, late: int) -> Iterator[dict[str, Any]]:
    """Of each severity and state: that it was so at least once since then, or that it was not so at least once."""
    scenario = case.scenario
    severities = {rule["labels"]["severity"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    for (time, stands), severity, state in product(scenario.timeline.items(), severities, ("pending", "firing")):
        expected = f"{severity} {state}" in stands.split(", ")
        yield {
            "expr": _seen(case, severity, state, late, always=not expected),
            "eval_time": f"{time + late:.0f}s",
            "exp_samples": [{"labels": _labels(scenario, severity, state), "value": 1}] if expected else [],
        }


def _seen(case: Case, severity: str, state: str, late: int, *, always: bool) -> str:
    """1 where the alert stood so at one evaluation since, or at all of them."""
    labels = f'alertname="{case.scenario.alert}",severity="{severity}",alertstate="{state}"'
    alerts = f"ALERTS{{{labels},{selector_of(case)}}}"
    least = late // STEP + 1 if always else 1
    return f"(count_over_time({alerts}[{late + 1}s]) >= {least}) > bool 0"


def _labels(scenario: Scenario, severity: str, state: str) -> str:
    labels = {**scenario.labels, "alertname": scenario.alert, "alertgroup": GROUP}
    return labelled("", **labels, severity=severity, alertstate=state)
