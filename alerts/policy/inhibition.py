"""The policy's `muted_by` as inhibition rules of Alertmanager.

Alertmanager treats a label that is missing on both sides as equal, so that `equal` alone would let one system mute
another. Both sides of every rule therefore name their alerts.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from alerts.model import Policy, Rule, RuleKey, Severity

# Labels that identify an outbox: `job` always exists, the others may.
SAME_OUTBOX = ("job", "cluster", "namespace", "environment")


@dataclass(frozen=True, slots=True)
class AlertMatcher:
    """Selects alerts by name and severity. Shape: sorted, unique."""

    alerts: tuple[str, ...]
    severities: tuple[Severity, ...]

    @classmethod
    def of(cls, keys: Iterable[RuleKey]) -> "AlertMatcher":
        """The smallest matcher that selects these."""
        keys = tuple(keys)
        return cls(tuple(sorted({key.alert for key in keys})), tuple(sorted({key.severity for key in keys})))

    @property
    def matchers(self) -> tuple[str, str]:
        """The matchers in Alertmanager's syntax."""
        return _matcher("alertname", self.alerts), _matcher("severity", self.severities)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert of `source` fires, alerts of `target` with the same labels `equal` are muted."""

    source: AlertMatcher
    target: AlertMatcher
    equal: tuple[str, ...] = SAME_OUTBOX


def inhibitions(policy: Policy) -> tuple[Inhibition, ...]:
    """The inhibition rules of a policy, which mute exactly what `muted_by` mutes; an alert's own severities first."""
    pairs = [(source, rule.key) for rule in policy.rules for source in rule.muted_by]
    own = [(source, target) for source, target in pairs if source.alert == target.alert]
    others = [(source, target) for source, target in pairs if source.alert != target.alert]
    return (*_by_own_severities(own), *_by_other_alerts(others))


def order_by_inhibition(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules in order, but each after the rules that mute it."""
    remaining = {rule.key: rule for rule in rules}
    ordered: list[Rule] = []

    def place(key: RuleKey) -> None:
        rule = remaining.pop(key, None)
        if rule is not None:
            for muting in rule.muted_by:
                place(muting)
            ordered.append(rule)

    for key in tuple(remaining):
        place(key)
    return tuple(ordered)


def inhibition_cycle(rules: Iterable[Rule]) -> tuple[RuleKey, ...]:
    """Rules that mute each other in a cycle; empty without a cycle."""
    try:
        TopologicalSorter({rule.key: rule.muted_by for rule in rules}).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


def as_yaml(rules: Iterable[Inhibition]) -> str:
    """The rules as a YAML list that ends with a line break."""
    return "".join(map(_item, rules))


def _by_own_severities(pairs: Iterable[tuple[RuleKey, RuleKey]]) -> Iterator[Inhibition]:
    """One rule per pair of severities; the alert's name must be equal on both sides."""
    alerts = defaultdict(list)
    for source, target in pairs:
        alerts[source.severity, target.severity].append(source.alert)
    for (source_severity, target_severity), names in sorted(alerts.items()):
        every = tuple(sorted(set(names)))
        yield Inhibition(
            AlertMatcher(every, (source_severity,)),
            AlertMatcher(every, (target_severity,)),
            ("alertname", *SAME_OUTBOX),
        )


def _by_other_alerts(pairs: Iterable[tuple[RuleKey, RuleKey]]) -> Iterator[Inhibition]:
    """As few rules as are exact: sources that mute the same targets share a rule."""
    muted = defaultdict(set)
    for source, target in pairs:
        muted[source].add(target)
    sources = defaultdict(list)
    for source, targets in muted.items():
        for side in _exact_matchers(targets):
            sources[source.severity, side].append(source)
    for (_, side), same in sorted(sources.items(), key=lambda item: sorted(item[1])):
        yield Inhibition(AlertMatcher.of(same), side)


def _exact_matchers(keys: Iterable[RuleKey]) -> Iterator[AlertMatcher]:
    """Matchers that together select exactly these: one per set of alerts with the same severities."""
    severities = defaultdict(set)
    for key in keys:
        severities[key.alert].add(key)
    alike: dict[tuple[Severity, ...], list[RuleKey]] = defaultdict(list)
    for same in severities.values():
        alike[AlertMatcher.of(same).severities].extend(same)
    for _, together in sorted(alike.items()):
        yield AlertMatcher.of(together)


def _matcher(label: str, values: Iterable[str]) -> str:
    either = "|".join(values)
    return f'{label} =~ "{either}"' if "|" in either else f'{label} = "{either}"'


def _item(rule: Inhibition) -> str:
    lines = [
        "  - source_matchers:",
        *(f"      - {matcher}" for matcher in rule.source.matchers),
        "    target_matchers:",
        *(f"      - {matcher}" for matcher in rule.target.matchers),
        f"    equal: [{', '.join(rule.equal)}]",
    ]
    return "\n".join(lines) + "\n"
