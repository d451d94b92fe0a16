"""How often a collector may run."""

from dataclasses import replace
from itertools import pairwise

import pytest

from exporter.config.settings import SamplingSettings
from exporter.core.errors import Reason
from exporter.core.types import Ratio, Seconds
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, CollectorRun
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from exporter.sampling.intervals import next_critical_interval, next_interval

SETTINGS = SamplingSettings(interval=Seconds(15), budget_ratio=Ratio(0.01), max_interval=Seconds(600))


def run(duration: float, *reasons: Reason, rows: int = 0) -> CollectorRun:
    failures = tuple(CollectorFailure(reason, "why") for reason in reasons)
    return CollectorRun(
        "backlog", CollectorOutcome(failures=failures, rows=rows), finished_at=0, finished=0, duration=duration
    )


@pytest.mark.parametrize(
    ("duration", "interval"),
    [(0, 15), (0.002, 15), (0.15, 15), (0.3, 30), (2, 210), (6, 600), (60, 600), (3600, 600)],
)
def test_a_run_may_cost_one_percent(duration, interval):
    """A run of d seconds is followed by the next after d / 1 %, in step with the samples; not later than allowed."""
    assert next_interval(15, run(duration), SETTINGS) == pytest.approx(interval)


@pytest.mark.parametrize("reason", [Reason.LOCK, Reason.CONNECTION, Reason.AUTHENTICATION])
def test_waiting_costs_nothing(reason):
    """While a lock or the network makes us wait, the database does no work for us: come back at the base interval."""
    assert next_interval(15, run(5, reason), SETTINGS) == 15
    assert next_interval(300, run(5, reason), SETTINGS) == 15


@pytest.mark.parametrize("reason", [Reason.INTERNAL, Reason.RLS])
def test_other_failures_cost_their_duration(reason):
    """A run that failed kept the database busy all the same."""
    assert next_interval(15, run(5, reason), SETTINGS) == pytest.approx(510)


@pytest.mark.parametrize("reason", [Reason.SCHEMA, Reason.PERMISSION, Reason.RLS, Reason.INTERNAL])
def test_a_cheap_failure_is_retried_at_the_sampling_interval(reason):
    """Old readings are gone three sampling intervals after a failure; collectors with long intervals retry."""
    assert next_interval(300, run(0.01, reason), SETTINGS) == 15
    assert next_interval(300, run(0.2, reason), SETTINGS) == pytest.approx(30)
    assert next_interval(300, run(0.01), SETTINGS) == 300


def test_a_timeout_counts_twice():
    """A statement that ran into its timeout cost the database that long without a result."""
    assert next_interval(15, run(2, Reason.TIMEOUT), SETTINGS) == pytest.approx(405)
    assert next_interval(15, run(5, Reason.TIMEOUT), SETTINGS) == 600


@pytest.mark.parametrize(("rows", "interval"), [(0, 15), (1_500, 15), (13_000, 105), (660_000, 600)])
def test_rows_are_bounded_too(rows, interval):
    """An informational collector reads 125 rows per second on average, however fast the server is."""
    assert next_interval(15, run(0.01, rows=rows), SETTINGS) == pytest.approx(interval)


def test_an_interval_longer_than_the_longest_is_kept():
    """max_interval bounds the stretching, not the configured interval."""
    assert next_interval(900, run(60), SETTINGS) == 900


def test_informational_collectors_stay_aligned_with_the_sampling_interval():
    """Its interval holds a whole number of theirs, unless the longest allowed is none, or it asked for another."""
    for rows in range(2_000, 70_000, 777):
        interval = next_interval(15, run(0.01, rows=rows), SETTINGS)
        assert interval % 15 == 0
        assert 0 <= interval - rows / 125 < 15
    assert next_interval(15, run(0.01, rows=1_875), SETTINGS) == 15
    assert next_interval(
        0.1, run(0.0007), replace(SETTINGS, interval=Seconds(0.1), budget_ratio=Ratio(0.001))
    ) == pytest.approx(0.7)
    assert next_interval(15, run(0.3), replace(SETTINGS, max_interval=Seconds(20))) == 20
    assert next_interval(20, run(0.01), SETTINGS) == 20


def test_a_cheap_run_brings_the_interval_back_at_once():
    """The interval has no memory."""
    assert next_interval(15, run(3), SETTINGS) == pytest.approx(300)
    assert next_interval(15, run(0.01), SETTINGS) == 15


def planned_intervals(*durations: float) -> list[float]:
    """The interval after each of these runs of critical collectors."""
    state, intervals = CollectorState("backlog", CollectorTarget.DATABASE, 15), []
    for duration in durations:
        done = run(duration)
        intervals.append(next_critical_interval(15, done, SETTINGS, state.interval, state.costs_with(done)))
        state = state.after(done, intervals[-1])
    return intervals


def test_a_critical_collector_exceeds_its_budget_to_limit_age():
    """A backlog of a million rows that takes 0.35 s to count is not older than 30 s; one of half the cost costs 1 %."""
    for duration in (0.30, 0.34, 0.35):
        assert planned_intervals(*[duration] * 20)[-1] + duration == pytest.approx(30)
    assert planned_intervals(*[0.2] * 20)[-1] == pytest.approx(20)
    assert planned_intervals(0.01) == [15]


def test_a_critical_collector_exceeds_its_budget_by_a_fifth_at_most():
    """If it is more expensive, its age follows its budget."""
    assert planned_intervals(*[0.36] * 20)[-1] == pytest.approx(36)
    assert planned_intervals(*[0.5] * 20)[-1] == pytest.approx(50)


def test_a_critical_collector_costs_its_average():
    """Runs of 0.24 to 0.39 s, some expensive by chance, never make it older than 30 s, at 1.2 times 1 %."""
    durations = [0.36, 0.24, 0.39, 0.26, 0.31, 0.38, 0.25, 0.38, 0.29, 0.24] * 6
    intervals = planned_intervals(*durations)
    assert max(interval + 2 * duration for interval, duration in zip(intervals, durations, strict=True)) < 30.5
    assert max(interval + later for interval, later in zip(intervals, durations[1:], strict=False)) < 30.2
    assert sum(durations) / sum(intervals) < 0.012


def test_one_expensive_run_of_a_critical_collector_doubles_its_age_at_most():
    """The first count of a long backlog finds a cold cache; if it is as expensive again, its age may double again."""
    assert planned_intervals(3, 3, 3, 0.2) == pytest.approx([27, 51, 99, 20])
    assert next_interval(15, run(3), SETTINGS) == pytest.approx(300)


@pytest.mark.parametrize("duration", [1, 5, 14, 15, 20, 60])
def test_a_critical_collector_reaches_its_budget_whatever_its_cost(duration):
    """Runs as long as the interval, or longer, become less frequent each time, until the cost is within the budget."""
    intervals = planned_intervals(*[duration] * 20)
    assert all(later >= min(1.5 * before, 600) or later == duration * 100 for before, later in pairwise(intervals))
    assert intervals[0] >= 22.5
    assert intervals[-1] == min(duration * 100, 600)


def test_a_failed_run_of_a_critical_collector_costs_its_duration():
    """A statement that ran into its timeout would do so again."""
    expensive = run(5, Reason.TIMEOUT)
    assert next_critical_interval(15, expensive, SETTINGS, 15, (0.1, 5)) == pytest.approx(600)
    assert next_critical_interval(15, run(5, Reason.LOCK), SETTINGS, 15, (0.1,)) == 15
