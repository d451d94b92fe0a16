"""Rows of processed jobs that are kept for less than the figures of the last hour need."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import pytest

from exporter.collectors.retention import RowRetention

NOW = 1_900_000_000.0


def test_a_row_that_is_older_than_an_hour():
    """Rows are kept, also when the oldest ones go later."""
    rows = RowRetention()
    for oldest in (NOW - 7000, NOW - 3601):
        rows.note_hour(5, oldest, NOW)
        assert not rows.doubt(NOW)


def test_rows_of_less_than_an_hour_at_the_first_sample():
    """Others may have been deleted a moment before: it takes an hour of samples without a loss."""
    rows = RowRetention()
    rows.note_hour(1, NOW - 55, NOW)
    assert rows.doubt(NOW)
    rows.note_hour(9, NOW - 55, NOW + 3540)
    assert rows.doubt(NOW + 3540)
    rows.note_hour(9, NOW - 55, NOW + 3600)
    assert not rows.doubt(NOW + 3600)


def test_the_reason():
    """In words that do not change from one sample to the next: they are logged when they do."""
    rows = RowRetention()
    rows.note_hour(1, NOW - 55, NOW)
    for now in (NOW, NOW + 60):
        assert rows.doubt(now) == (
            "no processed job is older than an hour, so rows may have been deleted before the first sample; known from "
            "2030-03-17 18:45 UTC if none is deleted until then"
        )
    for now in (NOW + 75, NOW + 90):
        rows.note_vanished(now)
        assert rows.doubt(now) == (
            "rows of jobs were deleted within an hour after they were processed, or while they were pending; known "
            "again an hour after the last such deletion"
        )


def test_nothing_was_processed_before_the_first_sample():
    """There is nothing to lose."""
    rows = RowRetention()
    rows.note_before({})
    rows.note_hour(0, None, NOW)
    assert not rows.doubt(NOW)
    rows.note_processed([NOW + 10], NOW + 15)
    rows.note_hour(1, NOW + 10, NOW + 90)
    assert not rows.doubt(NOW + 90)


@pytest.mark.parametrize("oldest", [NOW - 90, NOW - 9000])
def test_a_row_of_the_last_hour_is_gone(oldest):
    """For an hour, although older rows may be there: those of another queue, or of failed jobs."""
    rows = RowRetention()
    rows.note_hour(0, None, NOW - 300)
    rows.note_processed([NOW - 100, NOW - 90], NOW - 80)
    rows.note_hour(2, oldest, NOW)
    assert not rows.doubt(NOW)
    rows.note_hour(1, oldest, NOW + 15)
    assert rows.doubt(NOW + 15)
    rows.note_hour(1, oldest, NOW + 30)  # the same loss
    assert rows.doubt(NOW + 3615)
    assert not rows.doubt(NOW + 3616)


def test_rows_leave_the_hour():
    """They are not missing then."""
    rows = RowRetention()
    rows.note_hour(0, None, NOW)
    rows.note_processed([NOW + 30, NOW + 100], NOW + 115)
    rows.note_hour(2, NOW + 30, NOW + 3600)
    rows.note_hour(1, NOW + 30, NOW + 3690)
    rows.note_hour(0, NOW + 30, NOW + 3760)
    assert not rows.doubt(NOW + 3760)


def test_clocks_that_differ():
    """What was processed later than now is not missing yet."""
    rows = RowRetention()
    rows.note_hour(0, None, NOW)
    rows.note_processed([NOW + 1200], NOW + 15)
    rows.note_hour(0, None, NOW + 15)
    assert not rows.doubt(NOW + 15)
    rows.note_hour(0, None, NOW + 1210)
    assert rows.doubt(NOW + 1210)


def test_a_pending_job_without_a_row():
    """It may have been processed: for an hour nobody can tell."""
    rows = RowRetention()
    rows.note_vanished(NOW)
    assert rows.doubt(NOW + 3599)
    assert not rows.doubt(NOW + 3601)


def test_rows_of_before_the_first_sample_are_gone():
    """Of one of two queues; an older row of the other one is there."""
    rows = RowRetention()
    assert rows.is_new
    rows.note_before({int(NOW // 60) - 30: 5, int(NOW // 60) - 20: 2})
    assert not rows.is_new
    rows.note_hour(7, NOW - 9000, NOW)
    assert not rows.doubt(NOW)
    rows.note_hour(4, NOW - 9000, NOW + 60)
    assert rows.doubt(NOW + 60)
    assert not rows.is_new


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_retention(seed):
    """A figure that is shown lacks jobs of its first minute at most; it is shown where all rows are kept for two hours.

    Each queue is cleaned up after its own time. Jobs that were deleted before the first sample do not count.
    """
    rng = random.Random(seed)
    kept = {queue: rng.choice([120, 1500, 3000, 7200]) for queue in range(2)}
    table = {1_900_000_000 - rng.uniform(1, 7000): rng.choice(list(kept)) for _ in range(100)}
    table = {at: queue for at, queue in table.items() if at > 1_900_000_000 - kept[queue]}
    rows, processed = RowRetention(), dict(table)
    rows.note_before(Counter(int(at // 60) for at in table))
    for now in map(float, range(1_900_000_000, 1_900_010_000, 50)):
        rows.note_hour(_processed_since(table, now - 3600), min(table, default=None), now)
        lost = _processed_since(processed, now - 3600) - _processed_since(table, now - 3600)
        first = _processed_since(processed, now - 3600) - _processed_since(processed, now - 3540)
        assert rows.doubt(now) or lost <= first
        assert not rows.doubt(now) or min(kept.values()) < 3600
        new = {now + rng.uniform(1, 40): rng.choice(list(kept)) for _ in range(rng.randrange(4))}
        processed |= new
        table |= new
        rows.note_processed(new, now + 45)
        table = {at: queue for at, queue in table.items() if at > now + 50 - kept[queue]}


def _processed_since(jobs: Mapping[float, int], since: float) -> int:
    return sum(at >= since for at in jobs)
