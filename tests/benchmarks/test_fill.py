"""The rows of a filled database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks import fill
from benchmarks.__main__ import FULL
from benchmarks.fill import RowRange, batches, row_ranges
from benchmarks.plan import Size
from tests.benchmarks.small import PENDING, SIZE, value

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


def test_keys_reach_back_as_far_as_the_rate_requires():
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


def test_a_filled_database_has_its_size_and_its_traffic(filled):
    """At least the planned rows, those of the last hour at the rate, and no pending job."""
    assert SIZE.jobs <= value(filled, "SELECT count(*) FROM job_outbox") < SIZE.jobs + 500
    assert SIZE.events <= value(filled, "SELECT count(*) FROM fsm_events") < SIZE.events + 500
    hour = "SELECT count(*) FROM {} WHERE created_at >= now() - INTERVAL '1 hour'"
    for table in ("job_outbox", "fsm_events"):
        assert abs(value(filled, hour.format(table)) - SIZE.rate) < 500
    assert value(filled, "SELECT count(DISTINCT entity_id) FROM job_outbox") == SIZE.courses
    assert value(filled, PENDING) == 0


def test_every_index_is_back(filled):
    """Three primary keys and eight indexes of the documented schema, all valid."""
    query = "SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid IN ({})"
    tables = "'job_outbox'::regclass, 'fsm_events'::regclass, 'idempotency_keys'::regclass"
    assert value(filled, query.format(tables)) == 11


def test_a_kept_database_is_brought_up_to_now_not_filled_again(database):
    """The same size again keeps the rows; another size does not."""
    with database.connect() as connection:
        connection.execute("UPDATE benchmark.state SET filled_until = filled_until - INTERVAL '6 minutes'")
    before = value(database, "SELECT count(*) FROM job_outbox")
    fill.ensure(database, replace(SIZE, pending=5))
    assert value(database, "SELECT count(*) FROM job_outbox") - before == pytest.approx(1_300, abs=200)
    assert not fill._holds(database, replace(SIZE, courses=21))


def test_the_backlog_has_every_state(database):
    """Of two hundred pending jobs ten are exhausted and twenty failing, and draining removes them all."""
    fill.add_backlog(database, SIZE)
    assert value(database, PENDING) == 200
    assert value(database, PENDING + " AND attempts >= 5") == 10
    assert value(database, PENDING + " AND attempts BETWEEN 1 AND 4") == 20
    fill.remove_backlog(database)
    assert value(database, PENDING) == 0


def test_dead_rows_are_left_in_the_index(database):
    """The backlog does not change; the index of pending jobs grows although no job is pending."""
    pages = "SELECT pg_relation_size('idx_job_outbox_unprocessed')"
    before = value(database, pages)
    fill.add_dead_rows(database, replace(SIZE, worn=5_000))
    assert value(database, PENDING) == 0
    assert value(database, pages) > before
