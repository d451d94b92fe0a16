"""Durations and gaps: bad, unknown and excused time, to the second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.analysis.coverage import Gaps, Meter, MeterTotals, TickCounter, TickStatus
from alerts.watch.model.tick import Cause, CollectorProblem, Tick

INTERVAL = 10.0
GOOD, BAD, EXCUSED, UNKNOWN = TickStatus.GOOD, TickStatus.BAD, TickStatus.EXCUSED, TickStatus.UNKNOWN


def tick(elapsed: float) -> Tick:
    return Tick(1000 + elapsed, elapsed, 1, INTERVAL, {})


def measured(ticks: list[tuple[float, TickStatus]], until: float) -> MeterTotals:
    """Ticks at these times with these statuses."""
    counter, meter = TickCounter(1000), Meter()
    for elapsed, status in ticks:
        meter.add(counter.add(tick(elapsed)), status)
    return meter.totals(counter, until, INTERVAL)


@pytest.mark.parametrize(
    ("ticks", "bad", "unknown", "possible"),
    [
        ([(10, GOOD), (20, GOOD), (30, GOOD)], (0, 0), 0, (0, 0)),
        ([(10, GOOD), (20, BAD), (30, BAD)], (20, 20), 0, (20, 20)),
        ([(10, BAD), (20, GOOD), (30, BAD)], (20, 10), 0, (20, 10)),
        # A tick that is late by up to half an interval is none lost.
        ([(10, GOOD), (24, BAD), (30, GOOD)], (14, 14), 0, (14, 14)),
        ([(10, GOOD), (25, BAD), (30, GOOD)], (15, 15), 0, (15, 15)),
        ([(10, GOOD), (25.1, BAD), (30, GOOD)], (0, 0), 15.1, (15.1, 15.1)),
        # After a missing tick, the time between its neighbours is unknown.
        ([(10, GOOD), (30, GOOD)], (0, 0), 20, (20, 20)),
        ([(10, GOOD), (30, BAD)], (0, 0), 20, (20, 20)),
        # Unknown time between two bad ticks may have been bad.
        ([(10, BAD), (20, UNKNOWN), (30, BAD)], (20, 10), 10, (30, 30)),
        ([(10, UNKNOWN), (20, UNKNOWN), (30, GOOD)], (0, 0), 20, (20, 20)),
        ([(10, UNKNOWN), (20, GOOD), (30, UNKNOWN)], (0, 0), 20, (20, 10)),
        # No tick for more than one and a half intervals.
        ([(10, GOOD)], (0, 0), 20, (20, 20)),
        ([(20, GOOD)], (0, 0), 20, (20, 20)),
        ([], (0, 0), 30, (30, 30)),
        # Maintenance interrupts bad time.
        ([(10, BAD), (20, EXCUSED), (30, BAD)], (20, 10), 0, (20, 10)),
    ],
)
def test_durations(ticks, bad, unknown, possible):
    """Half a minute with ticks every ten seconds: in all and at the longest."""
    totals = measured(ticks, 30)
    assert (totals.bad, totals.longest_bad) == pytest.approx(bad)
    assert totals.unknown == pytest.approx(unknown)
    assert (totals.possible, totals.longest_possible) == pytest.approx(possible)


def test_a_missing_tick_does_not_join_breaches():
    """The time between two breaches is unknown, and they stay two."""
    totals = measured([(10, BAD), (20, BAD), (40, BAD), (50, BAD)], 50)
    assert totals.longest_bad == 20
    assert totals.longest_possible == 50


def test_coverage_is_known_time_by_expected_time():
    """Excused time does not count."""
    coverage = measured([(10, GOOD), (20, UNKNOWN), (30, EXCUSED), (60, GOOD)], 100).coverage
    assert (coverage.expected, coverage.received) == (10, 3)
    assert coverage.unseen == 10 + 30 + 40
    assert coverage.longest_unseen == 40
    assert coverage.ratio == pytest.approx(1 - 80 / 90)


def test_breaches_are_listed():
    """Each from the tick before it to its last bad tick; adjacent ones are one."""
    counter, meter = TickCounter(1000), Meter()
    for elapsed, status in [(10, BAD), (20, BAD), (30, GOOD), (40, BAD), (50, BAD), (90, BAD), (100, GOOD)]:
        meter.add(counter.add(tick(elapsed)), status)
    assert [(each.started, each.seconds) for each in meter.breaches] == [(0, 20), (30, 20), (90, 0)]
    assert [each.started_at for each in meter.breaches] == [1000, 1030, 1090]


def test_at_most_a_hundred_breaches_are_listed():
    """Durations include all of them."""
    counter, meter = TickCounter(1000), Meter()
    for number in range(1, 211):
        meter.add(counter.add(tick(10.0 * number)), BAD if number % 2 else GOOD)
    assert len(meter.breaches) == 100
    assert meter.totals(counter, 2100, INTERVAL).bad == 1050


def test_without_expected_time_coverage_is_complete():
    """At the begin of a watch, and when all of it is excused."""
    assert measured([], 0).coverage.ratio == 1
    assert measured([(10, EXCUSED)], 10).coverage.ratio == 1
    assert measured([(10, EXCUSED), (20, UNKNOWN)], 20).coverage.ratio == 0


def incomplete(elapsed: float, *pairs: tuple[str, Cause]) -> Tick:
    problems = tuple(CollectorProblem(collector, cause, stale=True) for collector, cause in pairs)
    return replace(tick(elapsed), problems=problems)


def test_gaps_have_causes():
    """From the last complete tick to the last incomplete one; collectors that fail for one cause share a gap."""
    gaps = Gaps(1000, frozenset({"maintenance"}))
    gaps.add(tick(10))
    gaps.add(incomplete(20, ("backlog", Cause.LOCK), ("maintenance", Cause.LOCK)))
    gaps.add(incomplete(30, ("backlog", Cause.LOCK), ("throughput", Cause.LOCK), ("application", Cause.APPLICATION)))
    gaps.add(tick(40))
    gaps.add(replace(tick(90), before=Cause.NOT_WRITTEN))
    found = gaps.at(1150, 150, INTERVAL, Cause.EXPORTER_DOWN)
    assert [(gap.cause, gap.affects, gap.span.started, gap.span.seconds) for gap in found] == [
        (Cause.LOCK, ("backlog", "throughput"), 10, 20),
        (Cause.APPLICATION, ("application",), 20, 10),
        (Cause.NOT_WRITTEN, (), 40, 50),
        (Cause.EXPORTER_DOWN, (), 90, 60),
    ]


def test_an_open_gap_is_listed():
    """Up to the last tick."""
    gaps = Gaps(1000)
    gaps.add(incomplete(10, ("backlog", Cause.NOT_VISIBLE)))
    gaps.add(incomplete(20, ("backlog", Cause.NOT_VISIBLE)))
    (gap,) = gaps.at(1021, 21, INTERVAL, Cause.EXPORTER_DOWN)
    assert (gap.cause, gap.span.started, gap.span.seconds) == (Cause.NOT_VISIBLE, 0, 20)
