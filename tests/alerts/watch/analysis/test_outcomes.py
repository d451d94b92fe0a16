"""Outcomes are counted across gaps, resets and maintenance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.analysis.counters import CounterIncreases
from alerts.watch.analysis.coverage import TickCounter
from alerts.watch.analysis.outcomes import OutcomeTracker, trackers
from alerts.watch.model.check import Outcomes
from alerts.watch.model.tick import Tick
from tests.alerts.watch import fixtures

GOOD = 'outbox_app_fsm_initializations_total{result="succeeded"}'
BAD = 'outbox_app_fsm_initializations_total{result="failed"}'
FALLBACKS = "outbox_app_fallback_activations_total"
SHARE = Outcomes(0.05, "initialisations", "failed", trials=(GOOD, BAD), successes=(GOOD,))
RATE = Outcomes(1.0, "activations", events=(FALLBACKS,), per=60.0)


def tick(elapsed: float, good: float | None, bad: float = 0.0, *, fallbacks: float = 0.0, run: int = 1) -> Tick:
    values = {} if good is None else {GOOD: good, BAD: bad, FALLBACKS: fallbacks}
    return Tick(1000 + elapsed, elapsed, run, 10.0, values)


def tracked(*ticks: Tick, outcomes: Outcomes = SHARE, excused: bool = False) -> OutcomeTracker:
    tracker, increases, counter = OutcomeTracker(outcomes, 100.0, 0.05, excused), CounterIncreases(), TickCounter(1000)
    for each in ticks:
        interval = counter.add(each)
        increases.add(each)
        tracker.add(each, interval, increases)
    return tracker


def counted(tracker: OutcomeTracker) -> tuple[float, float]:
    found = tracker.estimate(final=False)
    return found.events, found.exposure


def test_a_share_is_of_the_trials():
    """From the first sample on."""
    assert counted(tracked(tick(10, 100, 7), tick(20, 110, 8), tick(30, 130, 8))) == (1, 31)


def test_a_rate_is_of_the_time_between_samples():
    """Also where a sample is older than its tick."""
    first, last = tick(10, 0, fallbacks=3), tick(20, 0, fallbacks=8)
    assert counted(tracked(first, last, outcomes=RATE)) == (5, 10)
    aged = replace(last, values={**last.values, "sample_age:application": 4.0})
    assert counted(tracked(first, aged, outcomes=RATE)) == (5, 6)


def test_a_gap_that_counters_bridge_counts():
    """As one observation: its failures may have been a rise."""
    ticks = [tick(10, 100), tick(60, 150, 1), tick(70, 151, 1)]
    assert counted(tracked(*ticks)) == (1, 52)
    assert tracked(*ticks[:2]).evidence.is_possible
    assert not tracked(tick(10, 100), tick(60, 150), tick(70, 151)).evidence.is_possible


@pytest.mark.parametrize("between", [(), (tick(20, None), tick(30, None), tick(40, None), tick(50, None))])
def test_a_reset_in_a_gap_loses_outcomes(between):
    """Without ticks, or without values: what was not counted may have been a rise."""
    tracker = tracked(tick(10, 100), *between, tick(60, 5))
    assert counted(tracker) == (0, 5)
    assert tracker.evidence.is_possible
    assert not tracker.evidence.is_certain


def test_a_reset_between_two_ticks_loses_little():
    """The application was deployed: what it counted since is known."""
    tracker = tracked(tick(10, 100), tick(20, 5))
    assert counted(tracker) == (0, 5)
    assert not tracker.evidence.is_possible


def test_there_are_never_more_events_than_trials():
    """Of two counters that were reset, one may have grown beyond its old value meanwhile."""
    ticks = [Tick(1000 + at, at, 1, 10.0, {GOOD: good, BAD: 0.0}) for at, good in ((10.0, 8.0), (20.0, 9.0))]
    odd = Outcomes(0.05, "jobs", "took longer", trials=(GOOD,), successes=(BAD,))
    assert counted(tracked(*ticks, outcomes=odd)) == (1, 1)
    backwards = [ticks[0], replace(ticks[1], values={GOOD: -5.0, BAD: 0.0})]
    assert counted(tracked(*backwards, outcomes=odd)) == (0, 0)


def test_after_a_reset_the_time_of_events_is_unknown():
    """They count without time, so that the upper bound is rather too high."""
    assert counted(tracked(tick(10, 0, fallbacks=8), tick(20, 0, fallbacks=2), outcomes=RATE)) == (2, 0)


def test_counters_that_come_late_may_hide_a_rise():
    """The first ticks of the watch had none."""
    assert tracked(tick(10, None), tick(20, 100)).evidence.is_possible
    assert not tracked(tick(10, 100), tick(20, 110)).evidence.is_possible


def test_maintenance_leaves_outcomes_out():
    """Where it excuses the check. One that cannot be read may have excused them, or not."""
    ticks = [tick(10, 100), tick(20, 100, 10), tick(30, 101, 10)]
    declared = [ticks[0], replace(ticks[1], maintenance=True), ticks[2]]
    assert counted(tracked(*declared, excused=True)) == (0, 1)
    assert counted(tracked(*declared)) == (10, 11)
    unreadable = [ticks[0], replace(ticks[1], maintenance=None), ticks[2]]
    assert counted(tracked(*unreadable, excused=True)) == (0, 1)
    assert tracked(*unreadable[:2], excused=True).evidence.is_possible
    assert not tracked(*declared[:2], excused=True).evidence.is_possible


def test_checks_share_the_probability_of_a_false_fail():
    """Five per cent in all, among the checks with outcomes that apply."""
    with_application = trackers(fixtures.watch().checks, 100.0)
    assert {name: each.error for name, each in with_application.items()} == {
        "processing_time": 0.0125,
        "initialisations": 0.0125,
        "initialisation_budget": 0.0125,
        "fallbacks": 0.0125,
    }
    without = trackers(fixtures.watch(application=False).checks, 100.0)
    assert {name: each.error for name, each in without.items()} == {"processing_time": 0.05}


def test_power_is_stated_at_the_end():
    """It needs some computation, which is not repeated at each tick."""
    tracker = tracked(tick(10, 0), tick(20, 1000, 2))
    assert tracker.estimate(final=False).detectable is None
    seen = tracker.estimate(final=True).detectable
    assert seen is not None
    assert 0.05 < seen < 0.1
