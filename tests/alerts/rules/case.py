"""A scenario with its series and the part of the rule file that it tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.alerts.rules.scenario import Scenario
from tests.alerts.rules.series import HEALTHY, SeriesByName, labelled, notation

INSTANCE: Final = "outbox-exporter:9721"

_METRIC = re.compile(r"[a-z_][a-z0-9_:]*")
_RANGE = re.compile(r"\[([0-9smhd]+)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LOOKBACK: Final = 300


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario as series by instance, with a unique `name`.

    `texts`: annotations are compared. `labels`: those of the series by instance, beside or instead of the job.
    """

    name: str
    scenario: Scenario
    targets: Mapping[str, SeriesByName]
    texts: bool = True
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def scenario_series(scenario: Scenario) -> SeriesByName:
    """The healthy series with those of the scenario."""
    return {**HEALTHY, **scenario.wrong}


def case_of(scenario: Scenario) -> Case:
    """A scenario as it is."""
    words = re.sub(r"\W+", "-", scenario.name).strip("-")
    return Case(f"{scenario.alert}:{words}", scenario, {INSTANCE: scenario_series(scenario)})


def renamed(case: Case, suffix: str, **changes: Any) -> Case:
    """The case under another name, with other things in it."""
    return replace(case, name=f"{case.name}:{suffix}", **changes)


def by_alert(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """The cases of each alert."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case.scenario.alert, []).append(case)
    return found


def only_rules_of(rules: Mapping[str, Any], alert: str) -> dict[str, Any]:
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


def layers(rules: Mapping[str, Any]) -> int:
    """The most signals that are made of each other, one after another, on the way to an alert of a cut file."""
    (group,) = rules["groups"]
    depths: dict[str, int] = {}
    for rule in group["rules"]:
        below = max((depths[name] for name in _metrics([rule["expr"]]) if name in depths), default=0)
        depths[rule.get("record", "")] = max(below + 1, depths.get(rule.get("record", ""), 0))
    return depths[""] - 1


def memory(rules: Mapping[str, Any]) -> float:
    """Seconds after its last sample in which the alert of a cut file has to be resolved.

    The longest range that it reads, the lookback, and its keep_firing_for.
    """
    (group,) = rules["groups"]
    ranges = [_seconds(text) for rule in group["rules"] for text in _RANGE.findall(rule["expr"])]
    kept = [_seconds(rule.get("keep_firing_for", "")) for rule in group["rules"]]
    return max(ranges, default=0) + _LOOKBACK + max(kept)


def input_series(rules: Mapping[str, Any], case: Case, length: float) -> list[dict[str, str]]:
    """The rule files in the input of promtool and vmalert-tool."""
    needed = _metrics(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    return [
        {
            "series": labelled(name, instance=instance, **{"job": "outbox-exporter", **case.labels.get(instance, {})}),
            "values": notation(series, length),
        }
        for instance, series_by_name in case.targets.items()
        for name, series in series_by_name.items()
        if name.partition("{")[0] in needed
    ]


def alert_tests(rules: Mapping[str, Any], scenario: Scenario, late: float = 0) -> Iterator[dict[str, Any]]:
    """At the first firing, or so many seconds after: all labels, all annotations."""
    at = scenario.fires_at
    if at is not None:
        firing = [each.split()[0] for each in scenario.timeline[at].split(", ") if "firing" in each]
        yield {
            "eval_time": f"{at + late:.0f}s",
            "alertname": scenario.alert,
            "exp_alerts": [
                {
                    "exp_labels": {**scenario.labels, "severity": severity},
                    "exp_annotations": _annotations(_rule(rules, scenario.alert, severity), scenario, severity),
                }
                for severity in firing
            ],
        }


def failures_by_case(output: str, start: str, name: str) -> dict[str, str]:
    """The failures in the output of a tool, by name of the case.

    `start` is a pattern of the beginning of a failure. One of the groups of the pattern `name` is the name of the case,
    which is part of alerts and expressions.
    """
    failures: dict[str, str] = {}
    for text in re.split(start, output)[1:]:
        found = re.search(name, text)
        assert found, text
        case = next(filter(None, found.groups()))
        failures[case] = failures.get(case, "") + text + "\n"
    return failures


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


def _seconds(duration: str) -> float:
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


def _metrics(exprs: Iterable[str]) -> set[str]:
    """Metric names, with additional labels."""
    return {name for expr in exprs for name in _METRIC.findall(expr)}
