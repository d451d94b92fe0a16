"""A scenario with its series and the part of the rule file that it tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.alerts.rules.scenario import Scenario
from tests.alerts.rules.series import HEALTHY, SeriesByName, labelled, notation

INSTANCE: Final = "outbox-exporter:9721"

_METRIC = re.compile(r"[a-z_][a-z0-9_:]*")
_RANGE = re.compile(r"\[([0-9smhd]+)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LOOKBACK: Final = 300
# Their results do not have the labels of the series, so that one case would change those of another.
_WITHOUT_LABELS = re.compile(r"\b(absent|absent_over_time|scalar|vector)\(")


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


@dataclass(frozen=True, slots=True)
class Together:
    """Cases of one alert that one test of promtool or vmalert-tool evaluates side by side, which takes much less time.

    `states`: those whose timelines are compared; `texts`: those whose annotations are, which first fire at one time.
    """

    name: str
    states: Sequence[Case]
    texts: Sequence[Case]

    @property
    def cases(self) -> Sequence[Case]:
        """Each of them once."""
        return self.states or self.texts

    @property
    def length(self) -> float:
        """Seconds."""
        return max((case.scenario.length if self.states else case.scenario.fires_at or 0.0) for case in self.cases)


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


def together(rules: Mapping[str, Any], cases: Iterable[Case]) -> Iterator[Together]:
    """The cases of one alert: all timelines, then the texts of those that first fire at one time.

    A program compares all alerts of a name that fire at a time, and before that time none of these does. The cases are
    told apart by their name as a label. One by one where results do not have the labels of the series.
    """
    if any(_WITHOUT_LABELS.search(rule["expr"]) for group in rules["groups"] for rule in group["rules"]):
        yield from (Together(case.name, [case], [case] if _has_texts(case) else []) for case in cases)
        return
    apart = [_told_apart(case) for case in cases]
    alert = apart[0].scenario.alert
    yield Together(alert, apart, [])
    by_time: dict[float | None, list[Case]] = {}
    for case in filter(_has_texts, apart):
        by_time.setdefault(case.scenario.fires_at, []).append(case)
    yield from (Together(f"{alert}:texts-at-{time}", [], same) for time, same in by_time.items())


def _has_texts(case: Case) -> bool:
    return case.texts and case.scenario.fires_at is not None


def _told_apart(case: Case) -> Case:
    own = {"case": case.name}
    return replace(
        case,
        scenario=replace(case.scenario, labels={**case.scenario.labels, **own}),
        labels={instance: {**case.labels.get(instance, {}), **own} for instance in case.targets},
    )


def selector_of(case: Case) -> str:
    """A matcher of the series of the case, and of those without its label; failures show it."""
    return f'case=~"|{case.name}"'


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


def input_series(rules: Mapping[str, Any], tested: Together, late: float = 0) -> list[dict[str, str]]:
    """The series of the rule files in the input of promtool and vmalert-tool, each as long as it is asked for."""
    needed = _metrics(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    return [
        {
            "series": labelled(name, instance=instance, **{"job": "outbox-exporter", **case.labels.get(instance, {})}),
            "values": notation(series, min(case.scenario.length, tested.length) + late),
        }
        for case in tested.cases
        for instance, series_by_name in case.targets.items()
        for name, series in series_by_name.items()
        if name.partition("{")[0] in needed
    ]


def alert_tests(rules: Mapping[str, Any], cases: Sequence[Case], late: float = 0) -> list[dict[str, Any]]:
    """At the time at which all of them first fire, or so many seconds after: all labels, all annotations."""
    if not cases:
        return []
    first = cases[0].scenario
    assert {case.scenario.fires_at for case in cases} == {first.fires_at}
    return [
        {
            "eval_time": f"{(first.fires_at or 0) + late:.0f}s",
            "alertname": first.alert,
            "exp_alerts": [alert for case in cases for alert in _firing(rules, case.scenario)],
        }
    ]


def _firing(rules: Mapping[str, Any], scenario: Scenario) -> Iterator[dict[str, Any]]:
    for state in scenario.timeline[scenario.fires_at or 0].split(", "):
        severity, stands = state.split()
        if stands == "firing":
            yield {
                "exp_labels": {**scenario.labels, "severity": severity},
                "exp_annotations": _annotations(_rule(rules, scenario.alert, severity), scenario, severity),
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
