"""Columns of another type than documented: interpreted correctly, or refused by name; never a wrong number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exporter.app.check_config import database as check_database
from exporter.core.errors import Reason, SampleError
from exporter.core.types import Zone
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from exporter.sampling.sampler import Sampler
from tests import postgres
from tests.database import rows
from tests.database.buffers import buffers
from tests.database.documented import Series
from tests.database.sampling import configuration, everything, no_listener, refusals, sampler
from tests.postgres import Database

TIMES = {
    "job_outbox": ("created_at", "processed_at", "last_attempt_at"),
    "fsm_events": ("created_at",),
    "idempotency_keys": ("expires_at",),
}
ALL = {"backlog", "throughput", "last_hour", "events", "idempotency"}
OF_THE_OUTBOX = {"backlog", "throughput", "last_hour"}


@pytest.fixture
def filled(database: Database) -> Database:
    """Content that gives the same numbers for minutes."""
    with database.connect() as connection:
        rows.write(connection, rows.quiet())
    return database


@contextmanager
def free_to_change(database: Database, table: str) -> Iterator[None]:
    """Partial indexes that name a column in their predicate keep its type from changing."""
    found = "SELECT array_agg(indexdef) FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%% WHERE %%'"
    definitions = database.value(found, (table,)) or []
    for definition in definitions:
        database.execute(re.sub(r"CREATE INDEX (\w+) .*", r"DROP INDEX \1", definition))
    yield
    for definition in definitions:
        database.execute(definition)


def converted(database: Database, zone: str) -> Series:
    """Changes the types, and returns the values from before."""
    for table, columns in TIMES.items():
        for column in columns:
            # The repeated hour in autumn becomes ambiguous: such rows can no longer be distinguished.
            moved = f"({column} AT TIME ZONE '{zone}') AT TIME ZONE '{zone}'"
            database.execute(f"DELETE FROM {table} WHERE {moved} <> {column}")
    truth = everything(database.dsn())
    for table, columns in TIMES.items():
        changes = ", ".join(f"ALTER {each} TYPE timestamp USING {each} AT TIME ZONE '{zone}'" for each in columns)
        with free_to_change(database, table):
            database.execute(f"ALTER TABLE {table} {changes}")
    return truth


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/St_Johns", "Europe/Berlin", "Pacific/Apia"])
def test_with_its_zone_a_timestamp_is_the_moment_that_was_meant(filled: Database, zone: str):
    """Every gauge is exact, whatever the time zones of server and session."""
    truth = converted(filled, zone)
    filled.execute(f"ALTER DATABASE {filled.name} SET timezone = 'Asia/Tokyo'")
    assert everything(filled.dsn(), timestamp_zone=Zone(zone)) == truth


def test_summer_and_winter_time_are_distinguished(filled: Database):
    """A job of July waits since the hour that Berlin's clocks showed then, and one of January by those of winter."""
    converted(filled, "Europe/Berlin")
    filled.execute("TRUNCATE job_outbox")
    for queue, local in (("summer", "2026-07-01 12:00"), ("winter", "2026-01-15 12:00")):
        filled.execute(
            f"INSERT INTO job_outbox (entity_id, queue_name, created_at) SELECT id, '{queue}', '{local}' "
            "FROM courses LIMIT 1"
        )
    found = everything(filled.dsn(), timestamp_zone=Zone("Europe/Berlin"))
    oldest = "outbox_queue_oldest_pending_timestamp_seconds"
    assert found[oldest, ("summer",)] == 1782900000  # 10:00 UTC
    assert found[oldest, ("winter",)] == 1768474800  # 11:00 UTC


def test_without_a_zone_it_is_refused_with_both_ways_out(filled: Database):
    """Reason schema; which column has which type; the statement that fixes it works as written."""
    truth = converted(filled, "Asia/Shanghai")
    refused = refusals(filled.dsn())
    assert set(refused) == ALL
    assert {failure.reason for failure in refused.values()} == {Reason.SCHEMA}
    message = refused["last_hour"].message
    assert message.startswith(
        "public.job_outbox has created_at, processed_at, last_attempt_at of type timestamp without time zone"
    )
    assert "database.timestamp_zone" in message
    for collector, table in (
        ("last_hour", "job_outbox"),
        ("events", "fsm_events"),
        ("idempotency", "idempotency_keys"),
    ):
        remedy = re.search(r"ALTER TABLE .+?, or set", refused[collector].message)
        assert remedy is not None
        with free_to_change(filled, table):
            filled.execute(remedy[0].removesuffix(", or set").replace("'...'", "'Asia/Shanghai'"))
    assert everything(filled.dsn()) == truth


def test_a_column_that_changes_its_type_under_way_is_noticed_by_the_next_sample(filled: Database):
    """The proof is made of every sample, not of the first alone."""
    with sampler(filled.dsn()) as sampling:
        last_hour = next(entry.collector for entry in sampling._entries if entry.collector.name == "last_hour")
        assert last_hour.collect().readings
        with free_to_change(filled, "job_outbox"):
            filled.execute("ALTER TABLE job_outbox ALTER processed_at TYPE timestamp")
        with pytest.raises(Exception, match="processed_at of type timestamp without time zone"):
            last_hour.collect()


def test_a_zone_changes_nothing_where_no_column_needs_it(filled: Database):
    """A moment is a moment."""
    assert everything(filled.dsn(), timestamp_zone=Zone("Asia/Tokyo")) == everything(filled.dsn())


def test_a_zone_that_the_server_does_not_know_is_named(filled: Database):
    """Without a time zone in the configuration the type is refused."""
    converted(filled, "UTC")
    refused = refusals(filled.dsn(), timestamp_zone=Zone("Mars/Olympus_Mons"))
    assert {failure.reason for failure in refused.values()} == {Reason.SCHEMA}
    assert "database.timestamp_zone" in refused["backlog"].message
    assert "Mars/Olympus_Mons" in refused["backlog"].message


def test_check_config_reports_it_before_the_first_sample(filled: Database):
    """The same sentence, for each question."""
    converted(filled, "UTC")
    findings = check_database(Sampler(configuration(filled.dsn()), no_listener))
    refused = [finding.error for finding in findings if isinstance(finding.error, SampleError)]
    assert [error.reason for error in refused] == [Reason.SCHEMA] * len(ALL)
    zoned = Sampler(configuration(filled.dsn(), timestamp_zone=Zone("UTC")), no_listener)
    assert [finding.error for finding in check_database(zoned) if finding.error] == []


USING = "ALTER TABLE {} ALTER {} TYPE {} USING {}"


@pytest.mark.parametrize(
    ("prepare", "column", "kind", "using"),
    [
        ("", "job_outbox.queue_name", "text", "queue_name"),
        ("", "job_outbox.queue_name", "char(40)", "queue_name"),
        ("", "job_outbox.queue_name", "name", "queue_name"),
        ("CREATE DOMAIN label AS text CHECK (value <> '')", "job_outbox.queue_name", "label", "queue_name"),
        ("CREATE TYPE kind AS ENUM ('q0', 'q1', 'q2')", "job_outbox.queue_name", "kind", "queue_name::kind"),
        ("", "job_outbox.attempts", "smallint", "attempts"),
        ("", "job_outbox.attempts", "bigint", "attempts"),
        ("CREATE DOMAIN tries AS integer", "job_outbox.attempts", "tries", "attempts"),
        ("", "job_outbox.outbox_id", "text", "outbox_id"),
        ("", "fsm_events.entity_id", "text", "entity_id"),
        ("CREATE DOMAIN moment AS timestamptz", "job_outbox.created_at", "moment", "created_at"),
    ],
)
def test_a_type_that_means_the_same_is_read_the_same(
    filled: Database, prepare: str, column: str, kind: str, using: str
):
    """To the last bit, by every collector."""
    table, column = column.split(".")
    filled.execute("UPDATE job_outbox SET queue_name = 'q' || attempts % 3 WHERE true")
    filled.execute("UPDATE job_outbox SET queue_name = 'q0' WHERE queue_name NOT IN ('q0', 'q1', 'q2')")
    filled.execute("ALTER TABLE job_outbox DROP CONSTRAINT IF EXISTS job_outbox_entity_id_fkey")
    filled.execute("ALTER TABLE fsm_events DROP CONSTRAINT IF EXISTS fsm_events_entity_id_fkey")
    truth = everything(filled.dsn())
    if prepare:
        filled.execute(prepare)
    with free_to_change(filled, table):
        filled.execute(f"ALTER TABLE {table} ALTER {column} DROP DEFAULT")
        filled.execute(USING.format(table, column, kind, using))
    assert everything(filled.dsn()) == truth


@pytest.mark.parametrize(
    ("prepare", "column", "kind", "using"),
    [
        ("", "created_at", "text", "created_at"),
        ("", "processed_at", "date", "processed_at"),
        ("", "last_attempt_at", "bigint", "extract(epoch FROM last_attempt_at)"),
        ("", "created_at", "time", "created_at"),
        ("", "attempts", "text", "attempts"),
        ("", "attempts", "numeric", "attempts"),
        ("", "attempts", "boolean", "attempts > 0"),
        ("", "queue_name", "jsonb", "to_jsonb(queue_name)"),
        ("", "queue_name", "json", "to_json(queue_name)"),
        ("", "queue_name", "text[]", "ARRAY[queue_name]"),
        ("", "queue_name", "boolean", "true"),
        ("CREATE DOMAIN a AS date; CREATE DOMAIN b AS a", "created_at", "public.b", "created_at"),
    ],
)
def test_a_type_that_means_something_else_is_refused_by_name(
    filled: Database, prepare: str, column: str, kind: str, using: str
):
    """Reason schema, by the collectors that need the column; the others go on."""
    if prepare:
        filled.execute(prepare)
    with free_to_change(filled, "job_outbox"):
        filled.execute(f"ALTER TABLE job_outbox ALTER {column} DROP DEFAULT")
        filled.execute(USING.format("job_outbox", column, kind, using))
    refused = refusals(filled.dsn(), timestamp_zone=Zone("UTC"))
    assert set(refused) <= OF_THE_OUTBOX
    assert "last_hour" in refused
    assert {failure.reason for failure in refused.values()} == {Reason.SCHEMA}
    assert f"{column} {kind}" in refused["last_hour"].message.replace(" without time zone", "")


def test_rows_without_a_distinguishing_column_are_refused(filled: Database):
    """An id that may be NULL: two of them would be one job."""
    filled.execute("ALTER TABLE job_outbox DROP CONSTRAINT job_outbox_pkey")
    filled.execute("ALTER TABLE job_outbox ALTER outbox_id DROP NOT NULL")
    refused = refusals(filled.dsn())
    assert {name: failure.reason for name, failure in refused.items()} == dict.fromkeys(OF_THE_OUTBOX, Reason.SCHEMA)


def test_a_generated_column_is_read_by_its_type(filled: Database):
    """Computed from others and stored like any other value: the same numbers."""
    truth = everything(filled.dsn())
    filled.execute("ALTER TABLE job_outbox RENAME attempts TO tries")
    filled.execute("ALTER TABLE job_outbox ADD attempts integer GENERATED ALWAYS AS (tries * 1) STORED")
    assert everything(filled.dsn()) == truth


def test_an_index_on_timestamps_serves_as_well(cluster: Cluster):
    """Statement by statement, no more buffers than for timestamptz, give or take a page of the catalogue."""
    with postgres.cloned(cluster, Schema.DOCUMENTED) as database:
        with database.connect() as connection:
            rows.write(connection, rows.Content())
            course = "(SELECT id FROM courses LIMIT 1)"
            for statement in (
                f"""INSERT INTO job_outbox (entity_id, queue_name, created_at, processed_at)
                    SELECT {course}, 'q', now() - n * interval '1 minute',
                           CASE WHEN n % 100 > 0 THEN now() - n * interval '1 minute' END
                    FROM generate_series(1, 20000) AS n""",
                f"""INSERT INTO fsm_events (entity_id, event_type, created_by, created_at)
                    SELECT {course}, 'E', 'API', now() - n * interval '1 minute'
                    FROM generate_series(1, 20000) AS n""",
                "VACUUM ANALYZE job_outbox, fsm_events",
            ):
                connection.execute(statement.encode())
        moments = buffers(database)
        for table, columns in TIMES.items():
            changes = ", ".join(
                f"ALTER {each} TYPE timestamp USING {each} AT TIME ZONE 'Asia/Tokyo'" for each in columns
            )
            with free_to_change(database, table):
                database.execute(f"ALTER TABLE {table} {changes}")
            database.execute(f"VACUUM ANALYZE {table}")
        wall = buffers(database, timestamp_zone=Zone("Asia/Tokyo"))
    assert set(wall) == set(moments) >= {"backlog", "events", "processed_last_hour", "processed_since"}
    for name, touched in wall.items():
        assert touched <= moments[name] + 2, name
