"""Ticks and spans."""

from __future__ import annotations

from alerts.watch.model.tick import Cause, CollectorProblem, Tick, TimeSpan


def tick(at: float, elapsed: float, *problems: CollectorProblem) -> Tick:
    return Tick(at, elapsed, 1, 10.0, {}, problems)


def test_stale_results_are_not_known():
    """A failed collector whose earlier results still count is no obstacle, nor is another one."""
    found = tick(
        0,
        0,
        CollectorProblem("backlog", Cause.LOCK, stale=True),
        CollectorProblem("migration", Cause.LOCK, stale=False),
    )
    assert not found.known(frozenset({"backlog", "events"}))
    assert found.known(frozenset({"migration", "events"}))
    assert found.known(frozenset())


def test_a_span_is_measured_by_the_clock_since_boot():
    """Whatever the wall clock did in between."""
    span = TimeSpan.between(tick(1000, 10), tick(5000, 25))
    assert (span.started_at, span.ended_at, span.started, span.seconds) == (1000, 5000, 10, 15)
