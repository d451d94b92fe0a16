"""Proposed thresholds leave out the weakest pages first, and only as many as needed."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace

from alerts.backtest.model import Firing, Replayed, Truths
from alerts.backtest.thresholds import Proposal, propose
from alerts.model import Policy, RuleKey, Severity
from alerts.policy.load import load_policy

HIGH = RuleKey("OutboxBacklogHigh", Severity.PAGE)
STALLED = RuleKey("OutboxStalled", Severity.PAGE)
DATABASE = RuleKey("OutboxDatabaseUnreachable", Severity.PAGE)
JOB = (("job", "outbox-exporter"),)
STEP = 15_000
LENGTH = 40


def policy() -> Policy:
    """Without for-durations, so that each value above the threshold fires."""
    whole = load_policy()
    return replace(whole, rules=tuple(replace(each, hold_duration=0.0, keep_firing_for=0.0) for each in whole.rules))


def replayed(**values: dict[int, float]) -> Replayed:
    """A replay in which rules were true at these evaluations, with these values."""
    rules = {"high": HIGH, "stalled": STALLED, "database": DATABASE}
    truths: dict[RuleKey, tuple[Truths, ...]] = dict.fromkeys(rules.values(), ())
    for name, found in values.items():
        truths[rules[name]] = (Truths(JOB, array("q", found), array("d", found.values())),)
    times = array("q", range(0, LENGTH * STEP, STEP))
    return Replayed(0, times[-1], tuple[Firing, ...](), (), times, truths, {})


def test_the_weakest_page_is_left_out():
    """Of three backlogs, the smallest; the threshold is the next round number above it."""
    found = propose(policy(), replayed(high={3: 1210.0, 10: 2500.0, 20: 5000.0}), Counter({HIGH: 3}), 2.0)
    assert found == (Proposal(HIGH, "jobs", 1000.0, 1300.0, 3, 2),)


def test_the_rule_with_most_pages_is_changed_first():
    """And the other one only when that is not enough."""
    made = replayed(high={3: 1210.0, 10: 2500.0, 20: 5000.0}, stalled={5: 400.0, 30: 700.0})
    pages = Counter({HIGH: 3, STALLED: 2})
    assert [(each.rule, each.proposed, each.would_fire) for each in propose(policy(), made, pages, 3.0)] == [
        (HIGH, 2600.0, 1)
    ]
    assert [(each.rule, each.proposed, each.would_fire) for each in propose(policy(), made, pages, 2.0)] == [
        (HIGH, 2600.0, 1),
        (STALLED, 410.0, 1),
    ]


def test_few_enough_pages_need_no_other_threshold():
    """Nothing is proposed."""
    assert propose(policy(), replayed(high={3: 1210.0}), Counter({HIGH: 1}), 1.0) == ()


def test_a_rule_without_a_threshold_is_left_alone():
    """A database that is down cannot be more down."""
    assert propose(policy(), replayed(database={3: 0.0, 9: 0.0}), Counter({DATABASE: 2}), 1.0) == ()
    assert propose(policy(), replayed(high={3: float("inf")}), Counter({HIGH: 1}), 0.0) == ()


def test_a_page_that_no_threshold_ends_is_counted():
    """The highest candidate is above all values, so that every page can be left out."""
    found = propose(policy(), replayed(high={3: 1210.0, 10: 5000.0}), Counter({HIGH: 2}), 0.0)
    assert [(each.proposed, each.would_fire) for each in found] == [(5100.0, 0)]
