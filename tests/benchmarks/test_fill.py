"""The rows of a filled database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.__main__ import FULL
from benchmarks.fill import RowRange, batches, row_ranges
from benchmarks.plan import Size

NOW = datetime(2025, 11, 18, 12, tzinfo=UTC)


def planned(size: Size, table: str) -> list[RowRange]:
    return [row_range for row_range in row_ranges(size, NOW) if row_range.table == table]


@pytest.mark.parametrize("jobs", [10_000_000, 100_000, 39_000])
def test_the_latest_hours_are_equal_in_every_size(jobs):
    """The last three hours have the full rate for any number of rows, and the total is exact."""
    size = replace(FULL, jobs=jobs)
    history, recent = planned(size, "job_outbox")
    assert recent == RowRange("job_outbox", 39_000, NOW - timedelta(hours=3), NOW)
    assert history.rows + recent.rows == jobs
    assert (history.since, history.until) == (NOW - timedelta(days=30), recent.since)


def test_a_tiny_database_has_recent_rows_only():
    """Fewer rows than three hours bring are all recent."""
    history, recent = planned(replace(FULL, events=10), "fsm_events")
    assert (history.rows, recent.rows) == (0, 10)


def test_keys_reach_back_as_far_as_the_rate_says():
    """660,000 keys at 13,000 an hour are some 50 hours, more than their 48 hours of life: some are expired."""
    (keys,) = planned(FULL, "idempotency_keys")
    assert keys.rows == FULL.keys
    assert timedelta(hours=50) < keys.until - keys.since < timedelta(hours=51)


def test_batches_are_the_same_rows_without_gap_or_overlap():
    """Pieces follow one another, none is larger than asked for, and all together are the whole."""
    whole = RowRange("fsm_events", 25, NOW, NOW + timedelta(seconds=250))
    pieces = list(batches(whole, 10))
    assert [piece.rows for piece in pieces] == [10, 10, 5]
    assert [piece.until for piece in pieces[:-1]] == [piece.since for piece in pieces[1:]]
    assert (pieces[0].since, pieces[-1].until) == (whole.since, whole.until)
    assert list(batches(replace(whole, rows=0), 10)) == []
