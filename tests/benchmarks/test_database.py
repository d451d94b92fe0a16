"""The benchmark on a real server: filling, backlog, dead rows, a slow table, costs."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from benchmarks import exporters, fill, measure, server, statements
from benchmarks.parallel import side_by_side
from benchmarks.plan import Size
from benchmarks.server import BenchmarkDatabase, copied, statement
from benchmarks.traffic import SteadyTraffic
from tests.requirements import require_debian

SIZE = Size(jobs=60_000, events=50_000, keys=2_000, courses=20, pending=200, rate=13_000)
PENDING = "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL"


def value(database: BenchmarkDatabase, query: str) -> Any:
    with database.connect() as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]


@pytest.fixture(scope="module")
def filled() -> Iterator[BenchmarkDatabase]:
    require_debian()
    with server.cluster(None) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        database = BenchmarkDatabase(cluster, "outbox_test")
        fill.ensure(database, SIZE)
        yield database


@pytest.fixture
def database(filled: BenchmarkDatabase) -> Iterator[BenchmarkDatabase]:
    with copied(filled, "outbox_copy") as copy:
        yield copy


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


def test_traffic_processes_what_it_writes(database):
    """After its end its jobs exist, and none of them is pending."""
    before = value(database, "SELECT count(*) FROM job_outbox")
    with SteadyTraffic(database, replace(SIZE, rate=3_600_000)) as traffic:
        deadline = time.monotonic() + 20
        while traffic.transactions < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert traffic.transactions >= 2
    assert value(database, "SELECT count(*) FROM job_outbox") > before
    assert value(database, PENDING) == 0


def test_the_archive_makes_reads_expensive_and_changes_no_result(database):
    """A read of events includes the archive, whose only row is too old to count."""
    query = "SELECT count(*) FROM fsm_events WHERE created_at >= now() - INTERVAL '2 hours'"
    before = value(database, query)
    places = {"host": "127.0.0.1", "port": str(database.server.port), "database": database.name, "seconds": 0.0}
    with database.connect() as connection:
        connection.execute(statement("slow_archive").format(**places))
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + query))
    assert "Foreign Scan on fsm_events_archive" in plan
    assert abs(value(database, query) - before) < 200  # the last two hours have moved on
    assert value(database, "SELECT count(*) FROM fsm_events_archive") == 1


def test_costs_are_counted_by_role(database):
    """Buffers and calls of one role only; a statement is named by its comment."""
    measure.prepare_role(database, "other_role")
    with psycopg.connect(database.server.dsn(), autocommit=True) as observer:
        statements.reset(observer)
        with psycopg.connect(database.dsn("other_role"), autocommit=True) as connection:
            for _ in range(3):
                connection.execute("/* counted */ SELECT count(*) FROM job_outbox")
            assert statements.backends(observer, "other_role") == 1
        value(database, "SELECT count(*) FROM job_outbox")
        (cost,) = statements.costs(observer, "other_role")
    assert (cost.query, cost.calls, cost.rows) == ("counted", 3, 3)
    assert cost.buffers > 0


def test_parallel_exporters_are_measured_separately(database, tmp_path):
    """Two exporters over the same data, each with its own role and its own processor time."""
    exporter = exporters.ours()
    twin = replace(exporter, name="twin", role="twin")
    with psycopg.connect(database.server.dsn(), autocommit=True) as observer:
        testbed = measure.Testbed(
            database, SteadyTraffic(database, SIZE), observer, "http://127.0.0.1:9/trpc", tmp_path
        )
        found = side_by_side(testbed, (exporter, twin), minutes=0.02, settling=1.0)
    assert found.keys() == {exporter.name, "twin"}
    assert all(0 < seconds < 60 for seconds in found.values())
