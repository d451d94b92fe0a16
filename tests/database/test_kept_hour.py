"""The events of the last hour, of which a sample reads both ends: whatever happens to the others is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from exporter.collectors.events import EventsCollector
from exporter.collectors.kept_hour import NOTHING, Span
from exporter.sampling.sampler import Sampler
from tests.database import rows
from tests.database.sampling import compare, sampler
from tests.postgres import Database
from tests.standby import standby_of

# One every ten seconds for 75 minutes, of two sources and two types.
FILL = """
    INSERT INTO fsm_events (entity_id, event_type, created_by, created_at)
    SELECT '00000000-0000-0000-0000-000000000000', 'T' || n % 2,
           CASE WHEN n % 3 > 0 THEN 'API' ELSE 'WORKER' END, now() - n * interval '10 seconds'
    FROM generate_series(1, 450) AS n
"""


@dataclass
class Events:
    """The collector, whose latest sample was more than a minute after a change, as it takes it."""

    database: Database
    sampling: Sampler

    @property
    def collector(self) -> EventsCollector:
        return next(each for each in self.sampling.database_collectors if isinstance(each, EventsCollector))

    def sample(self) -> Span:
        """A sample whose gauges are the documented answers, and the part of the hour that it has not read."""
        hour = self.collector._hour
        with self.sampling.database.sample(*self.collector.reads) as session:
            compare(self.sampling, self.collector, session)
            read_all = hour._read_at == session.now
            return NOTHING if read_all else hour.span(session.now, self.collector._watermark.since(session.now))

    def grow_quiet(self) -> None:
        self.collector._hour._changed -= 3600


@pytest.fixture
def writer(database: Database) -> Iterator[psycopg.Connection]:
    with database.connect() as connection:
        rows.write(connection, rows.Content())
        connection.execute(FILL)
        yield connection


@pytest.fixture
def events(database: Database, writer: psycopg.Connection) -> Iterator[Events]:
    with sampler(database.dsn()) as sampling:
        found = Events(database, sampling)
        writer.execute("SELECT pg_stat_force_next_flush()")
        assert found.sample() == NOTHING
        assert found.sample() == NOTHING  # a minute must have passed
        found.grow_quiet()
        yield found


def test_most_of_the_hour_is_not_read_again(events):
    """From the slot in which it begins to the settling window: 49 minutes, or two slots less."""
    span = events.sample()
    assert 47 * 60 <= span.until - span.since <= 49 * 60
    assert events.sample() == pytest.approx(span, abs=60)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM fsm_events WHERE created_at < now() - interval '30 minutes'",
        "UPDATE fsm_events SET created_by = 'QUEUE' WHERE created_at < now() - interval '30 minutes'",
        "DELETE FROM fsm_events",
        "TRUNCATE fsm_events",
        "ALTER TABLE fsm_events RENAME TO old; CREATE TABLE fsm_events (LIKE old INCLUDING ALL)",
        "ALTER TABLE fsm_events ADD seen double precision DEFAULT random(); DELETE FROM ONLY fsm_events",
    ],
    ids=["old ones deleted", "old ones updated", "all deleted", "truncated", "another table", "rewritten"],
)
def test_what_happens_to_rows_that_are_not_read_is_noticed(events, writer, change):
    """By the next sample, once the server's statistics have it; then all is read for a minute."""
    assert events.sample() != NOTHING
    for statement in change.split(";"):
        writer.execute(statement.encode())
    writer.execute("SELECT pg_stat_force_next_flush()")
    writer.execute("SELECT 1")
    for _ in range(2):
        assert events.sample() == NOTHING


CHILD = "CREATE TABLE earlier () INHERITS (fsm_events); CREATE INDEX ON earlier (created_at)"


def test_a_deletion_from_a_table_that_inherits_is_noticed(events, writer):
    """Rows below the table count as its own, so their statistics do, too."""
    for statement in CHILD.split(";"):
        writer.execute(statement.encode())
    writer.execute(FILL.replace("INTO fsm_events", "INTO earlier").encode())
    writer.execute("SELECT pg_stat_force_next_flush()")
    assert events.sample() == events.sample() == NOTHING
    events.grow_quiet()
    assert events.sample() != NOTHING
    writer.execute("DELETE FROM earlier WHERE created_at < now() - interval '30 minutes'")
    writer.execute("SELECT pg_stat_force_next_flush()")
    writer.execute("SELECT 1")
    assert events.sample() == NOTHING


@pytest.mark.parametrize("cluster", ["debian"], indirect=True)  # the embedded server has no foreign data wrapper
def test_all_is_read_where_a_foreign_table_inherits(events, writer):
    """Its rows change elsewhere, where no statistics of this server count them."""
    assert events.sample() != NOTHING
    for statement in (
        "CREATE EXTENSION file_fdw",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER file_fdw",
        "CREATE FOREIGN TABLE archive () INHERITS (fsm_events) SERVER elsewhere OPTIONS (filename '/dev/null')",
    ):
        writer.execute(statement.encode())
    for _ in range(3):
        assert events.sample() == NOTHING
        events.grow_quiet()


def test_all_is_read_where_the_server_keeps_no_statistics(events, writer, database):
    """Without track_counts a deletion changes no statistics."""
    assert events.sample() != NOTHING
    writer.execute(f'ALTER DATABASE "{database.name}" SET track_counts = off'.encode())
    events.sampling.database.close()
    with sampler(database.dsn()) as sampling:
        without = Events(database, sampling)
        for _ in range(3):
            assert without.sample() == NOTHING
            without.grow_quiet()


def test_rows_that_come_are_counted_at_once(events, writer):
    """New ones, and those of a transaction that was open for nine minutes; nothing else is read for them."""
    assert events.sample() != NOTHING
    for age in (0, 20, 540):
        writer.execute(
            "INSERT INTO fsm_events (entity_id, event_type, created_by, created_at)"
            " VALUES ('00000000-0000-0000-0000-000000000000', 'LATE', 'API', now() - %s * interval '1 second')",
            (age,),
        )
        assert events.sample() != NOTHING


@pytest.mark.usefixtures("writer")
def test_a_standby_reads_all_of_it(cluster, database):
    """It has no statistics of the rows that were deleted."""
    with (
        standby_of(cluster) as standby,
        sampler(Database(standby, database.name).dsn()) as sampling,
    ):
        database.execute("CREATE TABLE replayed ()")  # which proves how old its rows are
        standby.wait_until_caught_up()
        found = Events(Database(standby, database.name), sampling)
        for _ in range(3):
            assert found.sample() == NOTHING
            found.grow_quiet()


def test_without_an_index_on_time_all_of_it_is_read(events, writer):
    """Leaving out rows would save no page."""
    assert events.sample() != NOTHING
    writer.execute("DROP INDEX idx_fsm_events_created")
    events.sampling.index_catalogue.forget()
    assert events.sample() == NOTHING
