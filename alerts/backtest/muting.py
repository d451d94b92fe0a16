"""Which alerts of a replay were muted by others all the time, so that nobody was notified."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from alerts.backtest.model import Firing
from alerts.model import Rule, RuleKey


def with_muted(firings: Sequence[Firing], rules: Iterable[Rule]) -> tuple[Firing, ...]:
    """The same alerts, with those marked that other firing alerts muted from their start to their end."""
    muted_by = {rule.key: rule.muted_by for rule in rules}
    by_rule: dict[RuleKey, list[Firing]] = {}
    for firing in firings:
        by_rule.setdefault(firing.rule, []).append(firing)
    return tuple(replace(firing, muted=_is_muted(firing, muted_by, by_rule)) for firing in firings)


def _is_muted(
    firing: Firing, muted_by: Mapping[RuleKey, Sequence[RuleKey]], by_rule: Mapping[RuleKey, Sequence[Firing]]
) -> bool:
    others = (other for key in muted_by.get(firing.rule, ()) for other in by_rule.get(key, ()))
    covered = firing.start
    for other in sorted(others, key=lambda other: other.start):
        if other.start > covered:
            return False
        covered = max(covered, other.end)
        if covered >= firing.end:
            return True
    return False
