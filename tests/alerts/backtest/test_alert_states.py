"""Pending, firing, kept firing, resolved: as Prometheus' rule manager does it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.backtest.alert_states import AlertStates
from alerts.model import Labels, RuleKey, Severity
from alerts.policy.load import load_policy

ONE: Labels = (("job", "one"),)
OTHER: Labels = (("job", "other"),)


def states(hold: float, keep: float = 0.0) -> AlertStates:
    rule = load_policy().rule(RuleKey("OutboxHeadBlocked", Severity.PAGE))
    return AlertStates(replace(rule, hold_duration=hold, keep_firing_for=keep))


def spans(of: AlertStates, text: str, part: int = 100) -> list[tuple[int, int, bool]]:
    """The alerts of evaluations a second apart, `x` true, added in parts; the last ones are open."""
    found = []
    for start in range(0, len(text), part):
        piece = text[start : start + part]
        times = [1000 * (start + number) for number in range(len(piece))]
        found += list(of.add(times, {ONE: [each == "x" for each in piece]} if "x" in piece else {}))
    found += list(of.end(1000 * len(text)))
    return [(each.start // 1000, each.end // 1000, each.open) for each in found]


@pytest.mark.parametrize("part", [1, 3, 100])
@pytest.mark.parametrize(
    ("hold", "keep", "text", "expected"),
    [
        (0, 0, ".x.", [(1, 2, False)]),
        (2, 0, ".xx.xxxx.", [(6, 8, False)]),
        (2, 0, "xxx", [(2, 3, True)]),
        (0, 2, "x..x..x....", [(0, 9, False)]),
        (0, 2, "x...x.", [(0, 3, False), (4, 6, True)]),
        (2, 2, "xx..xxx....", [(6, 9, False)]),
    ],
)
def test_the_times_of_alerts(hold, keep, text, expected, part):
    """Evaluations may be added one by one or many at once."""
    assert spans(states(hold, keep), text, part) == expected


def test_alerts_of_different_series_are_independent():
    """One ends, the other continues."""
    of = states(0)
    ended = list(of.add([0, 1000], {ONE: [True, False], OTHER: [True, True]}))
    assert [(each.labels, each.end) for each in ended] == [(ONE, 1000)]
    assert [(each.labels, each.open) for each in of.end(2000)] == [(OTHER, True)]
