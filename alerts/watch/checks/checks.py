"""Reads the checks of a watch from `checks.yaml`, and resolves their numbers by the policy in force."""

import math
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alerts.model import Outlet, Policy, RuleKey, Severity, Signal
from alerts.policy.left_out import missing
from alerts.watch.checks.series import STORED
from alerts.watch.checks.sources import by_clock, collectors_of
from alerts.watch.model.check import (
    BaselineLimit,
    Budget,
    Check,
    CheckKind,
    CleanupSchedule,
    Condition,
    Evidence,
    Outcomes,
)
from exporter.config import values, yaml_file
from exporter.config.settings import WatchCheck
from exporter.config.yaml_file import Mapping, Node, Scalar, Sequence
from exporter.core.errors import ConfigError
from exporter.core.humanize import format_value
from exporter.core.problems import Problems

FILE = "checks.yaml"
_KEYS = (
    *("name", "kind", "title", "subject", "good", "bad", "source", "signal"),
    *("when", "budget", "excused", "evidence", "outcomes", "schedule", "except_groups"),
    *("tolerance", "floor", "traffic", "absent"),
)
# The comparisons of a condition: whether it is above, and whether the limit itself is beyond.
COMPARISONS = {"above": (True, False), "at_least": (True, True), "below": (False, False)}
# A duration in a sentence.
_SPAN = re.compile(r"\{(\d+[smhd])\}")
_BOOLEANS = {"true": True, "false": False}
# A rule of the policy, in place of a number or of a source.
_RULE = re.compile(r"(\w+)/(\w+)")


@dataclass(frozen=True, slots=True)
class CheckParameters:
    """The parameters of the checks. `application`: whether one is configured. `duration`: of a watch, seconds.

    `changes` are the entries of `watch.checks`.
    """

    policy: Policy
    duration: float
    application: bool
    time_scale: float = 1.0
    changes: tuple[WatchCheck, ...] = ()

    def missing(self, expr: str) -> str:
        """Why the outbox never has a value of this signal, series or expression; empty when it may."""
        return missing(expr, self.policy)


def resolve(parameters: CheckParameters) -> tuple[Check, ...]:
    """The shipped checks with these parameters.

    Raises: ConfigError when one refers to a missing rule or signal.
    """
    try:
        return tuple(_check(node, parameters) for node in _nodes())
    except (KeyError, ValueError) as error:
        raise ConfigError((f"{FILE}: {error}",)) from error


@cache
def _nodes() -> tuple[Mapping, ...]:
    problems = Problems()
    text = Path(__file__).with_name(FILE).read_text("utf-8")
    listed = yaml_file.load(text, FILE, problems).get("checks")
    nodes = tuple(node for node in listed.items if isinstance(node, Mapping)) if isinstance(listed, Sequence) else ()
    for node in nodes:
        node.refuse_unknown(_KEYS, problems)
    problems.check()
    return nodes


def names() -> tuple[str, ...]:
    """The names of the shipped checks."""
    return tuple(_text(node, "name") for node in _nodes())


def _check(node: Mapping, parameters: CheckParameters) -> Check:
    kind = CheckKind(_text(node, "kind") or "level")
    conditions = tuple(_condition(each, parameters) for each in _mappings(node.get("when")))
    first = conditions[0] if conditions else None
    signal = first.signal if first else _text(node, "signal") or None
    unit = unit_of(signal, parameters.policy) if signal else ""
    rules = _rules(node, parameters) if kind is CheckKind.PAGES else ()
    schedule, evidence = _schedule(node.get("schedule")), tuple(map(_evidence, _mappings(node.get("evidence"))))
    reads = [*(each.signal for each in conditions), *(each.counter for each in evidence)]
    reads += [signal] if signal else []
    reads += [schedule.oldest] if schedule else []
    collectors = _collectors((*reads, *(parameters.policy.rule(key).expr for key in rules)), parameters)
    limit = format_value(first.limit, unit) if first else ""

    def sentence(key: str) -> str:
        text = _text(node, key).replace("{limit}", limit)
        return _SPAN.sub(lambda span: format_value(values.duration(span[1]) * parameters.time_scale, "seconds"), text)

    return Check(
        name=_text(node, "name"),
        title=_text(node, "title"),
        kind=kind,
        subject=sentence("subject"),
        good=sentence("good"),
        bad=sentence("bad"),
        source=_source(_text(node, "source"), parameters),
        budget=_budget(node.get("budget"), parameters),
        conditions=conditions,
        collectors=tuple(sorted(collectors if parameters.application else collectors - {"application"})),
        evidence=evidence,
        outcomes=_outcomes(node.get("outcomes"), first, parameters),
        rules=tuple(str(key) for key in rules),
        rules_by_clock=tuple(
            str(key) for key in rules if by_clock(parameters.policy.rule(key).expr, parameters.policy)
        ),
        schedule=schedule,
        signal=signal,
        limit=first.limit if first else None,
        unit=unit,
        excused=_BOOLEANS[_text(node, "excused") or "false"],
        not_applicable=""
        if kind is CheckKind.PAGES
        else not_applicable(reads, collectors, parameters) or _without_limit(node, parameters),
        baseline_limit=_baseline_limit(node, unit, parameters) if kind is CheckKind.BASELINE else None,
    )


def not_applicable(reads: Iterable[str], collectors: AbstractSet[str], parameters: CheckParameters) -> str:
    """Why a check of these signals and series, by these collectors, is not evaluated here; empty when it is."""
    if "application" in collectors and not parameters.application:
        return "no application is configured"
    return next(filter(None, map(parameters.missing, reads)), "")


def _without_limit(node: Mapping, parameters: CheckParameters) -> str:
    """Why a rule that has a limit of this check is left out; empty when none is."""
    limits = (_text(each, name) for each in _mappings(node.get("when")) for name in COMPARISONS)
    rules = filter(None, map(_RULE.fullmatch, limits))
    return next(filter(None, (parameters.policy.missing(rule[1]) for rule in rules)), "")


def _source(text: str, parameters: CheckParameters) -> str:
    """The text, or the source of the rule that it names. Raises: KeyError or ValueError when there is no such rule."""
    rule = _RULE.fullmatch(text)
    return parameters.policy.any_rule(RuleKey(rule[1], Severity(rule[2]))).source if rule else text


def _condition(node: Mapping, parameters: CheckParameters) -> Condition:
    (comparison,) = (name for name in COMPARISONS if node.get(name))
    above, inclusive = COMPARISONS[comparison]
    signal, by_the_clock = _text(node, "signal"), _text(node, "by_the_clock") == "true"
    unit_of(signal, parameters.policy)  # it exists
    limit = limit_of(_text(node, comparison), parameters, by_the_clock=by_the_clock)
    collectors = tuple(sorted(collectors_of(signal, parameters.policy)))
    absent = _BOOLEANS.get(_text(node, "absent"))
    return Condition(
        signal,
        above,
        limit,
        inclusive,
        absent,
        collectors,
        by_clock(signal, parameters.policy),
        known_by=_text(node, "known_by"),
    )


def limit_of(text: str, parameters: CheckParameters, *, by_the_clock: bool = False) -> float:
    """A rule's threshold, a number, or a duration. The policy has scaled its own durations.

    Raises: KeyError or ValueError when it is none of these.
    """
    alert, slash, severity = text.partition("/")
    if slash:
        threshold = parameters.policy.any_rule(RuleKey(alert, Severity(severity))).threshold
        return threshold / parameters.time_scale if by_the_clock else threshold
    try:
        return float(text)
    except ValueError:
        return values.duration(text) * (1.0 if by_the_clock else parameters.time_scale)


def _budget(node: Node | None, parameters: CheckParameters) -> Budget:
    """A check without a budget cannot exceed it."""
    if not isinstance(node, Mapping):
        return Budget(math.inf, math.inf)
    return budget_of(values.duration(_text(node, "stretch")), values.ratio(_text(node, "share")), parameters)


def budget_of(stretch: float, share: float, parameters: CheckParameters) -> Budget:
    """The budget of a check: `stretch` seconds without interruption, and a share of the watch, at least one stretch."""
    stretch *= parameters.time_scale
    return Budget(max(stretch, share * parameters.duration), stretch)


def _evidence(node: Mapping) -> Evidence:
    (counter,) = _stored(_text(node, "counter"))
    return Evidence(counter, float(_text(node, "at_least")), _text(node, "what"))


def _baseline_limit(node: Mapping, unit: str, parameters: CheckParameters) -> BaselineLimit:
    floor, absent = _text(node, "floor"), _text(node, "absent")
    return BaselineLimit(
        tolerance=float(_text(node, "tolerance")),
        floor=values.duration(floor) * parameters.time_scale if unit == "seconds" else float(floor),
        traffic=float(_text(node, "traffic") or 0),
        absent=float(absent) if absent else None,
    )


def _outcomes(node: Node | None, condition: Condition | None, parameters: CheckParameters) -> Outcomes | None:
    """None without them, and when they were counted by another limit than that of the condition."""
    if not isinstance(node, Mapping) or condition is None:
        return None
    counted_by, share, per = _text(node, "counted_by"), _text(node, "share"), _text(node, "per")
    if counted_by and float(counted_by) != condition.limit:
        return None
    seconds = values.duration(per) * parameters.time_scale if per else 0.0
    limit = float(share) if share else condition.limit
    return Outcomes(
        limit=limit / seconds if seconds else limit,
        what=_text(node, "what"),
        event=_text(node, "event"),
        trials=_stored(*_texts(node.get("trials"))),
        successes=_stored(*_texts(node.get("successes"))),
        events=_stored(*_texts(node.get("events"))),
        per=seconds,
    )


def _stored(*counters: str) -> tuple[str, ...]:
    for counter in counters:
        if counter not in STORED:
            raise ValueError(f"{counter} is not one of the stored series")
    return counters


def _schedule(node: Node | None) -> CleanupSchedule | None:
    if not isinstance(node, Mapping):
        return None
    weekday = _text(node, "weekday")
    return CleanupSchedule(
        hour=values.whole_number(_text(node, "hour")),
        weekday=values.whole_number(weekday) if weekday else None,
        clock=_text(node, "clock"),
        oldest=_text(node, "oldest"),
        keeps=values.duration(_text(node, "keeps")),
        grace=values.duration(_text(node, "grace")),
    )


def _rules(node: Mapping, parameters: CheckParameters) -> tuple[RuleKey, ...]:
    excepted = _texts(node.get("except_groups"))
    return tuple(
        rule.key
        for rule in parameters.policy.rules
        if rule.key.severity is Severity.PAGE and Outlet.SIDECAR in rule.outlets and rule.group not in excepted
    )


def _collectors(expressions: Iterable[str], parameters: CheckParameters) -> frozenset[str]:
    """Those of what a check reads, without that of maintenance: it excuses a breach, and is no evidence of one."""
    found = frozenset[str]().union(*(collectors_of(each, parameters.policy) for each in expressions))
    return found - {"maintenance"}


def unit_of(signal: str, policy: Policy) -> str:
    """The unit of a recorded signal. Raises: KeyError."""
    left_out = (each.item for each in policy.left_out if isinstance(each.item, Signal))
    found = next((each.unit for each in (*policy.signals, *left_out) if each.record == signal), None)
    if found is None:
        raise KeyError(f"{signal} is not a signal of the policy")
    return found


def _text(node: Mapping, key: str) -> str:
    found = node.get(key)
    return found.value or "" if isinstance(found, Scalar) else ""


def _texts(node: Node | None) -> tuple[str, ...]:
    return tuple(item.value or "" for item in _items(node) if isinstance(item, Scalar))


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _mappings(node: Node | None) -> tuple[Mapping, ...]:
    return tuple(item for item in _items(node) if isinstance(item, Mapping))
