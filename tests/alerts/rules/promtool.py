"""Scenarios put to the real promtool: a rule file cut down to one alert and its signals, and what it must say when."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from tests.alerts.rules.scenario import Scenario
from tests.alerts.rules.series import HEALTHY, STEP, World, labelled, notation
from tests.requirements import require_program

_METRIC = re.compile(r"[a-z_][a-z0-9_:]*")
_TARGET: Final = {"instance": "outbox-exporter:9721", "job": "outbox-exporter"}


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario in a certain world; `name` tells it from all others. `texts`: annotations are compared, too."""

    name: str
    scenario: Scenario
    world: World
    instances: tuple[str, ...] = (_TARGET["instance"],)
    texts: bool = True


def world_of(scenario: Scenario) -> World:
    """The healthy world with what is wrong in it."""
    return {**HEALTHY, **scenario.wrong}


def cut(rules: Mapping[str, Any], alert: str) -> dict[str, Any]:
    """The rule file with one alert alone, and the signals that it needs."""
    (group,) = rules["groups"]
    mine = [rule for rule in group["rules"] if rule.get("alert") == alert]
    needed = _metrics(rule["expr"] for rule in mine)
    kept: list[Any] = []
    for signal in reversed([rule for rule in group["rules"] if "record" in rule]):
        if signal["record"] in needed:
            kept.insert(0, signal)
            needed |= _metrics([signal["expr"]])
    return {"groups": [{**group, "rules": [*kept, *mine]}]}


def failures(directory: Path, rules: str, cases: Iterable[Case]) -> dict[str, str]:
    """What promtool has to complain of, by the name of the case; in one process for all of them."""
    promtool = require_program("promtool")
    document = yaml.safe_load(rules)
    by_alert: dict[str, list[Case]] = {}
    for case in cases:
        by_alert.setdefault(case.scenario.alert, []).append(case)
    files = [_write(directory, cut(document, alert), each) for alert, each in by_alert.items()]
    done = subprocess.run([promtool, "test", "rules", *files], capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout + done.stderr
    found = _complaints(said)
    assert bool(found) == bool(done.returncode), said
    return found


def _complaints(said: str) -> dict[str, str]:
    """By the name of the case: promtool tells it with alerts, and we put it into the expressions."""
    told: dict[str, str] = {}
    for text in re.split(r"\n +(?=name: |expr: )", said)[1:]:
        name = re.search(r'^name: (\S+),|case!=\\"([^"\\]+)', text)
        assert name, text
        told[name[1] or name[2]] = told.get(name[1] or name[2], "") + text + "\n"
    return told


def _write(directory: Path, rules: Mapping[str, Any], cases: list[Case]) -> Path:
    alert = cases[0].scenario.alert
    file, tests = directory / f"{alert}.rules.json", directory / f"{alert}.test.json"  # JSON is YAML, and fast
    file.write_text(json.dumps(rules))
    document = {
        "rule_files": [file.name],
        "evaluation_interval": f"{STEP}s",
        "group_eval_order": [group["name"] for group in rules["groups"]],
        "tests": [_test(rules, case) for case in cases],
    }
    tests.write_text(json.dumps(document))
    return tests


def _test(rules: Mapping[str, Any], case: Case) -> dict[str, Any]:
    needed = _metrics(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    series = {name: each for name, each in case.world.items() if name.partition("{")[0] in needed}
    return {
        "name": case.name,
        "interval": f"{STEP}s",
        "input_series": [
            {
                "series": labelled(name, **{**_TARGET, "instance": instance}),
                "values": notation(each, case.scenario.length),
            }
            for name, each in series.items()
            for instance in case.instances
        ],
        "alert_rule_test": list(_alert_tests(rules, case.scenario)) if case.texts else [],
        "promql_expr_test": list(_expr_tests(case)),
    }


def _expr_tests(case: Case) -> Iterator[dict[str, Any]]:
    """How the alert stands: pending ones are seen in ALERTS alone. No series has a label `case`."""
    scenario = case.scenario
    for time, stands in scenario.timeline.items():
        labels = [
            {**scenario.labels, "alertname": scenario.alert, "severity": severity, "alertstate": state}
            for severity, state in (each.split() for each in stands.split(", ") if each)
        ]
        yield {
            "expr": f'ALERTS{{alertname="{scenario.alert}",case!="{case.name}"}}',
            "eval_time": f"{time:.0f}s",
            "exp_samples": [{"labels": labelled("ALERTS", **each), "value": 1} for each in labels],
        }


def _alert_tests(rules: Mapping[str, Any], scenario: Scenario) -> Iterator[dict[str, Any]]:
    """At the first firing: all labels, all annotations."""
    at = scenario.fires_at
    if at is not None:
        firing = [each.split()[0] for each in scenario.timeline[at].split(", ") if "firing" in each]
        yield {
            "eval_time": f"{at:.0f}s",
            "alertname": scenario.alert,
            "exp_alerts": [
                {
                    "exp_labels": {**scenario.labels, "severity": severity},
                    "exp_annotations": _annotations(_rule(rules, scenario.alert, severity), scenario, severity),
                }
                for severity in firing
            ],
        }


def _rule(rules: Mapping[str, Any], alert: str, severity: str) -> Mapping[str, Any]:
    (rule,) = (
        rule
        for group in rules["groups"]
        for rule in group["rules"]
        if rule.get("alert") == alert and rule["labels"]["severity"] == severity
    )
    assert isinstance(rule, dict)
    return rule


def _annotations(rule: Mapping[str, Any], scenario: Scenario, severity: str) -> dict[str, str]:
    value = scenario.value if isinstance(scenario.value, str) else scenario.value[severity]
    text = re.sub(r"\{\{ \$value[^}]*\}\}", value, rule["annotations"]["description"])
    for label, content in scenario.labels.items():
        text = text.replace(f"{{{{ $labels.{label} }}}}", content)
    assert "{{" not in text, text
    return {"summary": rule["annotations"]["summary"], "description": text}


def _metrics(exprs: Iterable[str]) -> set[str]:
    """Names of metrics, and more words beside them."""
    return {name for expr in exprs for name in _METRIC.findall(expr)}


def renamed(case: Case, suffix: str, **changes: Any) -> Case:
    """The case under another name, with other things in it."""
    return replace(case, name=f"{case.name}:{suffix}", **changes)


def case_of(scenario: Scenario) -> Case:
    """A scenario as it is."""
    words = re.sub(r"\W+", "-", scenario.name).strip("-")
    return Case(f"{scenario.alert}:{words}", scenario, world_of(scenario))
