"""The status of a check at one tick."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.analysis.check_status import status
from alerts.watch.analysis.coverage import TickStatus
from alerts.watch.model.check import Budget, Check, CheckKind, Condition
from alerts.watch.model.tick import Cause, CollectorProblem, Tick

GOOD, BAD, EXCUSED, UNKNOWN = TickStatus.GOOD, TickStatus.BAD, TickStatus.EXCUSED, TickStatus.UNKNOWN
HIGH = Condition("backlog", above=True, limit=100, collectors=("backlog",))
DRAIN = Condition("drain", above=True, limit=900, absent=False, collectors=("throughput",))
OLD = Condition("age", above=True, limit=300, collectors=("backlog",), by_clock=True)


def check(*conditions: Condition, kind: CheckKind = CheckKind.LEVEL, excused: bool = False) -> Check:
    return Check("name", "Title", kind, "It", "held", "broke", "source", Budget(0, 0), conditions, excused=excused)


def tick(**values: float) -> Tick:
    return Tick(0.0, 0.0, 1, 10.0, values)


def failed(collector: str, *, stale: bool = True, **values: float) -> Tick:
    return replace(tick(**values), problems=(CollectorProblem(collector, Cause.LOCK, stale=stale),))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (tick(backlog=100, drain=1000), GOOD),
        (tick(backlog=101, drain=900), GOOD),
        (tick(backlog=101, drain=901), BAD),
        # A missing value: the condition's default, or unknown.
        (tick(backlog=101), GOOD),
        (tick(drain=901), UNKNOWN),
        # A failed collector makes it unknown, unless another condition does not hold.
        (failed("throughput", backlog=101), UNKNOWN),
        (failed("throughput", backlog=100), GOOD),
        (failed("events", backlog=101), GOOD),
        # A value that is there counts.
        (failed("backlog", stale=False, backlog=101, drain=901), BAD),
    ],
)
def test_all_conditions_have_to_hold(found, expected):
    """One that does not is enough."""
    assert status(check(HIGH, DRAIN), found) is expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [(tick(), UNKNOWN), (tick(attempts=30), GOOD), (tick(attempts=30, ratio=0.2), BAD), (tick(ratio=0.05), GOOD)],
)
def test_an_absent_value_that_another_signal_explains(found, expected):
    """No attempts have no ratio. Where the attempts are unknown, so is what the ratio would be."""
    ratio = Condition("ratio", above=True, limit=0.1, absent=False, known_by="attempts")
    attempts = Condition("attempts", above=True, limit=20, inclusive=True)
    assert status(check(ratio, attempts), found) is expected


@pytest.mark.parametrize(
    ("maintenance", "backlog", "expected"),
    [(True, 101, EXCUSED), (True, 1, EXCUSED), (None, 101, UNKNOWN), (None, 1, GOOD), (False, 101, BAD)],
)
def test_declared_maintenance_excuses(maintenance, backlog, expected):
    """An unreadable declaration may excuse a breach."""
    found = replace(tick(backlog=backlog), maintenance=maintenance)
    assert status(check(HIGH, excused=True), found) is expected
    assert status(check(HIGH), found) is (BAD if backlog > 100 else GOOD)


@pytest.mark.parametrize(
    ("age", "offset", "expected"),
    [
        (301, 0, BAD),
        (300, 0, GOOD),
        (300.5, 0, BAD),
        (700, 300, BAD),  # by either clock
        (500, 300, UNKNOWN),  # 200 by the other one
        (200, 300, GOOD),  # -100 is no age
        (298, 300, GOOD),  # -2 may be skew, and both are young
        (-100, -500, BAD),  # only 400 is an age
        (-6, 0, UNKNOWN),
        (-5, 0, GOOD),
    ],
)
def test_after_a_clock_step_an_age_counts_only_if_both_clocks_agree(age, offset, expected):
    """Ages may be five seconds negative by clock skew."""
    assert status(check(OLD), tick(age=age), offset) is expected
    if not offset:
        assert status(check(OLD), tick(age=age)) is expected


def test_without_conditions_the_collectors_decide():
    """As for checks that need evidence only."""
    made = replace(check(kind=CheckKind.EVIDENCE), collectors=("backlog",))
    assert status(made, tick()) is GOOD
    assert status(made, failed("backlog")) is UNKNOWN
    assert status(made, failed("backlog", stale=False)) is GOOD
    assert status(made, failed("events")) is GOOD


@pytest.mark.parametrize(
    ("firing", "held", "offset", "expected"),
    [
        (("A/page",), (), 0, BAD),
        (("B/page",), (), 0, GOOD),
        ((), ("A/page",), 0, UNKNOWN),
        ((), ("B/page",), 0, GOOD),
        (("Old/page",), (), 0, BAD),
        (("Old/page",), (), 60, UNKNOWN),
        (("Old/page", "A/page"), (), 60, BAD),
    ],
)
def test_a_rule_that_fires_is_a_breach(firing, held, offset, expected):
    """After a clock step, not one that compares a database time with the clock."""
    made = replace(check(kind=CheckKind.PAGES), rules=("A/page", "Old/page"), rules_by_clock=("Old/page",))
    assert status(made, replace(tick(), firing=firing, held=held), offset) is expected


def test_rules_that_do_not_fire_need_their_collectors():
    """Without them the status is unknown."""
    made = replace(check(kind=CheckKind.PAGES), rules=("A/page",), collectors=("backlog",))
    assert status(made, failed("backlog")) is UNKNOWN
    assert status(made, failed("events")) is GOOD
