"""The policy's thresholds as limits of panels."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from alerts.model import Policy, Rule, RuleKey, Severity

COLOURS = {Severity.INFO: "blue", Severity.TICKET: "orange", Severity.PAGE: "red"}
_RANKS = tuple(COLOURS)
_DRAIN = re.compile(r"outbox:drain_time_seconds > (\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, order=True)
class Limit:
    """A threshold with its colour. Units: the signal's."""

    value: float
    colour: str


def limits(policy: Policy, *alerts: str, unit: float = 1) -> tuple[Limit, ...]:
    """The thresholds of alerts, lowest first; of equal ones, the colour of the most severe.

    Units: the signal's, times `unit`: 3600 makes hours of seconds.
    Raises: KeyError when the policy lacks an alert.
    """
    rules = sorted(
        (rule for alert in alerts for rule in _rules(policy, alert)), key=lambda rule: _RANKS.index(rule.key.severity)
    )
    return tuple(
        sorted(Limit(value / unit, colour) for value, colour in {_begins(r): _colour(r) for r in rules}.items())
    )


def most_severe(policy: Policy, alert: str) -> Rule:
    """The rule of an alert with the highest severity. Raises: KeyError."""
    return max(_rules(policy, alert), key=lambda rule: _RANKS.index(rule.key.severity))


def drain_limit(policy: Policy, unit: float = 1) -> tuple[Limit, ...]:
    """The limit of the drain time, a condition of OutboxBacklogHigh. Units: seconds, times `unit`.

    Raises: LookupError.
    """
    rule = policy.rule(RuleKey("OutboxBacklogHigh", Severity.PAGE))
    found = _DRAIN.search(rule.expr)
    if found is None:
        raise LookupError(f"{rule.key}: no limit of the drain time in {rule.expr}")
    return (Limit(float(found[1]) / unit, _colour(rule)),)


def _rules(policy: Policy, alert: str) -> Iterable[Rule]:
    found = [rule for rule in policy.rules if rule.key.alert == alert and rule.key.severity in COLOURS]
    if not found:
        raise KeyError(alert)
    return found


def _begins(rule: Rule) -> float:
    """Grafana colours from a step on, while a rule with threshold 0 fires above it: from 1 on."""
    return rule.threshold or 1.0


def _colour(rule: Rule) -> str:
    return COLOURS[rule.key.severity]
