"""Thresholds with which fewer alerts would have fired, from the values that the alerts had.

A stricter threshold only removes samples from the result of an alert's expression, and those that stay keep their
value. This holds where an expression compares its signal with the threshold once. A replay with the proposed thresholds
confirms the proposals, or does not.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.backtest.alert_states import AlertStates
from alerts.backtest.model import Replayed, Truths
from alerts.model import Policy, Rule, RuleKey, Severity

WEEK = 7 * 86400.0
# Candidates for a threshold, from all values of an alert.
_CANDIDATES = 40
# Significant digits of a proposal.
_DIGITS = 2
_BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Another threshold of a rule, in its unit, and how many alerts of it would have fired with each."""

    rule: RuleKey
    unit: str
    threshold: float
    proposed: float
    fired: int
    would_fire: int


def propose(policy: Policy, replayed: Replayed, pages: Mapping[RuleKey, int], most: float) -> tuple[Proposal, ...]:
    """Thresholds with which at most `most` pages would have been sent in the time of the replay.

    `pages` counts the pages by rule. The rule with the most pages is changed first, as little as possible; rules
    without a threshold, or whose threshold cannot be stricter, are left alone.
    """
    rules = {rule.key: rule for rule in policy.rules if rule.key.severity is Severity.PAGE and rule.unit != _BOOLEAN}
    left, proposed = dict(pages), dict[RuleKey, Proposal]()
    candidates = {key: iter(_candidates(rules[key], replayed.truths[key])) for key in pages if key in rules}
    while sum(left.values()) > most and candidates:
        key = max(candidates, key=lambda key: left[key])
        threshold = next(candidates[key], None)
        if threshold is None or not left[key]:
            del candidates[key]
            continue
        would_fire = _firings(rules[key], replayed, threshold)
        if would_fire < left[key]:
            left[key] = would_fire
            rule = rules[key]
            proposed[key] = Proposal(key, rule.unit, rule.threshold, threshold, pages[key], would_fire)
    return tuple(proposed.values())


def _candidates(rule: Rule, truths: Sequence[Truths]) -> Iterable[float]:
    """Stricter thresholds, the least strict first. One side of the threshold has all values, or there is none."""
    values = sorted({value for each in truths for value in each.values if math.isfinite(value)})
    if not values or values[0] < rule.threshold < values[-1]:
        return ()
    is_above = values[-1] > rule.threshold
    chosen = sorted({values[number * (len(values) - 1) // _CANDIDATES] for number in range(_CANDIDATES + 1)})
    rounded = dict.fromkeys(_stricter(value, is_above=is_above) for value in (chosen if is_above else reversed(chosen)))
    return [value for value in rounded if value > rule.threshold or not is_above]


def _stricter(value: float, *, is_above: bool) -> float:
    """The next round number, of two digits."""
    if not value:
        return value
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    steps = math.floor(value / unit) + 1 if is_above else math.ceil(value / unit) - 1
    return float(f"{steps * unit:.{_DIGITS + 1}g}")


def _firings(rule: Rule, replayed: Replayed, threshold: float) -> int:
    """How many alerts would have fired with another threshold."""
    is_above, states, count = threshold > rule.threshold, AlertStates(rule), 0
    for each in replayed.truths[rule.key]:
        present = [False] * len(replayed.times)
        for number, value in zip(each.numbers, each.values, strict=True):
            present[number] = value > threshold if is_above else value < threshold
        count += len(list(states.add(replayed.times, {each.labels: present})))
    return count + len(list(states.end(replayed.end)))
