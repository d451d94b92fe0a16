"""The arithmetic of looks: how long bad, how long unseen, which gaps, down to the second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.analysis.coverage import Gaps, Meter, MeterTotals, TickCounter, TickStatus
from alerts.watch.model.tick import Cause, CollectorProblem, Tick

INTERVAL = 10.0
GOOD, BAD, EXCUSED, UNKNOWN = TickStatus.GOOD, TickStatus.BAD, TickStatus.EXCUSED, TickStatus.UNKNOWN


def tick(elapsed: float) -> Tick:
    return Tick(1000 + elapsed, elapsed, 1, INTERVAL, {})


def measured(looks: list[tuple[float, TickStatus]], until: float) -> MeterTotals:
    """Looks at these totals, found to be so."""
    counter, meter = TickCounter(1000), Meter()
    for elapsed, status in looks:
        meter.add(counter.add(tick(elapsed)), status)
    return meter.totals(counter, until, INTERVAL)


@pytest.mark.parametrize(
    ("looks", "bad", "unseen", "dark"),
    [
        ([(10, GOOD), (20, GOOD), (30, GOOD)], (0, 0), 0, (0, 0)),
        ([(10, GOOD), (20, BAD), (30, BAD)], (20, 20), 0, (20, 20)),
        ([(10, BAD), (20, GOOD), (30, BAD)], (20, 10), 0, (20, 10)),
        # A look that is late by less than half is none lost.
        ([(10, GOOD), (24, BAD), (30, GOOD)], (14, 14), 0, (14, 14)),
        # One that is missing: nothing is known from the one before to the one after.
        ([(10, GOOD), (30, GOOD)], (0, 0), 20, (20, 20)),
        ([(10, GOOD), (30, BAD)], (0, 0), 20, (20, 20)),
        # What was not seen between two bad looks was perhaps good, and perhaps not.
        ([(10, BAD), (20, UNKNOWN), (30, BAD)], (20, 10), 10, (30, 30)),
        ([(10, UNKNOWN), (20, UNKNOWN), (30, GOOD)], (0, 0), 20, (20, 20)),
        ([(10, UNKNOWN), (20, GOOD), (30, UNKNOWN)], (0, 0), 20, (20, 10)),
        # Nothing came for longer than a look may be late.
        ([(10, GOOD)], (0, 0), 20, (20, 20)),
        ([(20, GOOD)], (0, 0), 20, (20, 20)),
        ([], (0, 0), 30, (30, 30)),
        # Maintenance is neither, and ends both.
        ([(10, BAD), (20, EXCUSED), (30, BAD)], (20, 10), 0, (20, 10)),
    ],
)
def test_durations(looks, bad, unseen, dark):
    """Half a minute with looks every ten seconds: in all and at the longest."""
    totals = measured(looks, 30)
    assert (totals.bad, totals.longest_bad) == bad
    assert totals.unknown == unseen
    assert (totals.possible, totals.longest_possible) == dark


def test_missing_looks_make_no_failure():
    """Two breaches with a good look between stay two when that look is missing: unknown, not one long breach."""
    totals = measured([(10, BAD), (20, BAD), (40, BAD), (50, BAD)], 50)
    assert totals.longest_bad == 20
    assert totals.longest_possible == 50


def test_coverage_counts_what_was_expected_and_received():
    """Of what is excused, only what is left counts."""
    coverage = measured([(10, GOOD), (20, UNKNOWN), (30, EXCUSED), (60, GOOD)], 100).coverage
    assert (coverage.expected, coverage.received) == (10, 3)
    assert coverage.unseen == 10 + 30 + 40
    assert coverage.longest_unseen == 40
    assert coverage.ratio == pytest.approx(1 - 80 / 90)


def test_breaches_are_listed():
    """Each from the look before to its last bad one; those that touch are one."""
    counter, meter = TickCounter(1000), Meter()
    for elapsed, status in [(10, BAD), (20, BAD), (30, GOOD), (40, BAD), (70, BAD), (80, GOOD)]:
        meter.add(counter.add(tick(elapsed)), status)
    assert [(each.started, each.seconds) for each in meter.breaches] == [(0, 20), (30, 10), (70, 0)]
    assert [each.started_at for each in meter.breaches] == [1000, 1030, 1070]


def troubled(elapsed: float, *pairs: tuple[str, Cause]) -> Tick:
    troubles = tuple(CollectorProblem(collector, cause, stale=True) for collector, cause in pairs)
    return replace(tick(elapsed), problems=troubles)


def test_gaps_are_named_by_cause():
    """From one good look to the next; collectors that fail for the same reason share one."""
    gaps = Gaps(1000, frozenset({"maintenance"}))
    gaps.add(tick(10))
    gaps.add(troubled(20, ("backlog", Cause.LOCK), ("maintenance", Cause.LOCK)))
    gaps.add(troubled(30, ("backlog", Cause.LOCK), ("throughput", Cause.LOCK), ("application", Cause.APPLICATION)))
    gaps.add(tick(40))
    gaps.add(replace(tick(90), before=Cause.NOT_WRITTEN))
    found = gaps.at(1150, 150, INTERVAL, Cause.EXPORTER_DOWN)
    assert [(gap.cause, gap.affects, gap.span.started, gap.span.seconds) for gap in found] == [
        (Cause.LOCK, ("backlog", "throughput"), 10, 20),
        (Cause.APPLICATION, ("application",), 20, 10),
        (Cause.NOT_WRITTEN, (), 40, 50),
        (Cause.EXPORTER_DOWN, (), 90, 60),
    ]


def test_a_gap_that_lasts_is_told_before_it_ends():
    """Up to the last look."""
    gaps = Gaps(1000)
    gaps.add(troubled(10, ("backlog", Cause.NOT_VISIBLE)))
    gaps.add(troubled(20, ("backlog", Cause.NOT_VISIBLE)))
    (gap,) = gaps.at(1021, 21, INTERVAL, Cause.EXPORTER_DOWN)
    assert (gap.cause, gap.span.started, gap.span.seconds) == (Cause.NOT_VISIBLE, 0, 20)
