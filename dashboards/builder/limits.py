"""Thresholds as the policy states them, as lines to draw and steps to colour by."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from alerts.model import Policy, Rule, RuleKey, Severity

COLOURS = {Severity.INFO: "blue", Severity.TICKET: "orange", Severity.PAGE: "red"}
_RANKS = tuple(COLOURS)
_DRAIN = re.compile(r"outbox:drain_time_seconds > (\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, order=True)
class Limit:
    """Where trouble begins, and its colour. Units: the signal's."""

    value: float
    colour: str


def limits(policy: Policy, *alerts: str, unit: float = 1) -> tuple[Limit, ...]:
    """The thresholds of these alerts, lowest first; where two share one, the graver's colour.

    Units: the signal's, times `unit`: 3600 makes hours of seconds.
    Raises: KeyError when the policy lacks an alert.
    """
    rules = sorted(
        (rule for alert in alerts for rule in _rules(policy, alert)), key=lambda rule: _RANKS.index(rule.key.severity)
    )
    return tuple(
        sorted(Limit(value / unit, colour) for value, colour in {_begins(r): _colour(r) for r in rules}.items())
    )


def gravest(policy: Policy, alert: str) -> Rule:
    """The alert's rule of the highest severity. Raises: KeyError."""
    return max(_rules(policy, alert), key=lambda rule: _RANKS.index(rule.key.severity))


def drain_limit(policy: Policy) -> tuple[Limit, ...]:
    """How long draining may take: a condition of OutboxBacklogHigh beside its threshold. Raises: LookupError."""
    rule = policy.rule(RuleKey("OutboxBacklogHigh", Severity.PAGE))
    found = _DRAIN.search(rule.expr)
    if found is None:
        raise LookupError(f"{rule.key}: no limit of the drain time in {rule.expr}")
    return (Limit(float(found[1]), _colour(rule)),)


def _rules(policy: Policy, alert: str) -> Iterable[Rule]:
    found = [rule for rule in policy.rules if rule.key.alert == alert and rule.key.severity in COLOURS]
    if not found:
        raise KeyError(alert)
    return found


def _begins(rule: Rule) -> float:
    """Grafana colours from a step on, a rule of "more than none" fires above it: that is from one on."""
    return rule.threshold or 1.0


def _colour(rule: Rule) -> str:
    return COLOURS[rule.key.severity]
