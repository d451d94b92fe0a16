"""Runs scenarios with promtool: a rule file with one alert and its signals, and the expected states."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
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
    only_rules_of,
    selector_of,
    together,
)
from tests.alerts.rules.series import STEP, labelled

# How it begins a failure, and where the name of the case is.
_FAILURE: Final = (
    r"\n +(?=name: |expr: )",
    r'^name: (\S+),|case=~\\"\|([^"\\]+)',
)


def failures(promtool: Path, directory: Path, rules: str, cases: Iterable[Case]) -> dict[str, str]:
    """The failures reported by promtool, by name of the case; one process for all cases."""
    document = yaml.safe_load(rules)
    files = [_write(directory, only_rules_of(document, alert), each) for alert, each in by_alert(cases).items()]
    done = subprocess.run([promtool, "test", "rules", *files], capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout + done.stderr
    found = failures_by_case(said, *_FAILURE)
    assert bool(found) == bool(done.returncode), said
    return found


def _write(directory: Path, rules: Mapping[str, Any], cases: list[Case]) -> Path:
    alert = cases[0].scenario.alert
    file, tests = directory / f"{alert}.rules.json", directory / f"{alert}.test.json"  # JSON is YAML, and fast
    file.write_text(json.dumps(rules))
    document = {
        "rule_files": [file.name],
        "evaluation_interval": f"{STEP}s",
        "group_eval_order": [group["name"] for group in rules["groups"]],
        "tests": [_test(rules, tested) for tested in together(rules, cases)],
    }
    tests.write_text(json.dumps(document))
    return tests


def _test(rules: Mapping[str, Any], tested: Together) -> dict[str, Any]:
    return {
        "name": tested.name,
        "interval": f"{STEP}s",
        "input_series": input_series(rules, tested),
        "alert_rule_test": alert_tests(rules, tested.texts),
        "promql_expr_test": [test for case in tested.states for test in _expr_tests(case)],
    }


def _expr_tests(case: Case) -> Iterator[dict[str, Any]]:
    """The state of the alert: pending alerts are visible in ALERTS only."""
    scenario = case.scenario
    for time, stands in scenario.timeline.items():
        labels = [
            {**scenario.labels, "alertname": scenario.alert, "severity": severity, "alertstate": state}
            for severity, state in (each.split() for each in stands.split(", ") if each)
        ]
        yield {
            "expr": f'ALERTS{{alertname="{scenario.alert}",{selector_of(case)}}}',
            "eval_time": f"{time:.0f}s",
            "exp_samples": [{"labels": labelled("ALERTS", **each), "value": 1} for each in labels],
        }
