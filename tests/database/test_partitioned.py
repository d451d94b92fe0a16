"""Partitioned tables: counts, indexes and costs equal those of an unpartitioned table."""

from __future__ import annotations

import pytest

from exporter.database.indexes import IndexCatalogue, IndexRow, events_plan, helpful
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from exporter.outbox.mapping import DEFAULT
from tests import postgres
from tests.database import rows
from tests.database.roles import allow, role
from tests.database.sampling import compare_all, everything, sampler
from tests.database.test_odd_rows import CASES, among_others
from tests.postgres import Database

KEYS = {"job_outbox": "outbox_id", "fsm_events": "event_id", "idempotency_keys": "key"}


def partition(database: Database, table: str, by: str = "created_at") -> None:
    """By months of `by` around today, with a partition for everything else; indexes, rows and policy move along."""
    indexes = database.value(
        "SELECT array_agg(indexdef) FROM pg_indexes WHERE tablename = %s AND indexdef NOT LIKE 'CREATE UNIQUE%%'",
        (table,),
    )
    with database.connect() as connection, connection.transaction():
        connection.execute(
            f"""
            ALTER TABLE {table} RENAME TO whole;
            CREATE TABLE {table} (LIKE whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE ({by});
            ALTER TABLE {table} ADD FOREIGN KEY (entity_id) REFERENCES courses (id) ON DELETE CASCADE;
            DO $$ DECLARE
                month date := date_trunc('month', now() - interval '2 months');
            BEGIN
                FOR place IN 0..3 LOOP
                    EXECUTE format(
                        'CREATE TABLE {table}_%s PARTITION OF {table} FOR VALUES FROM (%L) TO (%L)',
                        place, month, month + interval '1 month'
                    );
                    month := month + interval '1 month';
                END LOOP;
            END $$;
            CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT;
            INSERT INTO {table} SELECT * FROM whole;
            DROP TABLE whole;
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            CREATE POLICY nobody ON {table} USING (false) WITH CHECK (false);
            """.encode()
        )
        if table != "idempotency_keys":
            connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({KEYS[table]}, {by})".encode())
        for definition in indexes:
            connection.execute(definition)


@pytest.mark.parametrize("schema", list(Schema), ids=lambda schema: schema.value)
def test_every_number_is_that_of_a_table_in_one_piece(cluster: Cluster, schema: Schema):
    """All three tables in partitions, never analysed as a whole: every gauge to the last bit."""
    with postgres.cloned(cluster, schema) as database:
        with database.connect() as connection:
            rows.write(connection, rows.quiet())
        truth = everything(database.dsn())
        for table, by in (
            ("job_outbox", "created_at"),
            ("fsm_events", "created_at"),
            ("idempotency_keys", "expires_at"),
        ):
            partition(database, table, by)
        assert everything(database.dsn()) == truth
        with sampler(database.dsn()) as sampling:
            compare_all(sampling)


@pytest.mark.parametrize("name", ["waiting since -infinity", "parked for ever", "processed since infinity"])
def test_odd_rows_are_found_in_the_partition_for_the_rest(database: Database, name: str):
    """There is where they land."""
    case = CASES[name]
    with database.connect() as connection:
        rows.write(connection, rows.quiet())
    partition(database, "job_outbox")
    with among_others(database, case):
        assert everything(database.dsn())["outbox_odd_rows", ("job_outbox", "infinite")] == 1


def test_its_indexes_are_found(database: Database):
    """The advice is the same: the index of the whole is one that every partition has."""
    for table, by in (("job_outbox", "created_at"), ("fsm_events", "created_at"), ("idempotency_keys", "expires_at")):
        partition(database, table, by)
    for index in helpful(DEFAULT):
        assert index.found_in(seen(database, index.table)), index.definition


def test_its_size_is_that_of_its_partitions(cluster: Cluster):
    """The parent is not analysed: its own numbers are -1 rows and no page, and no plan may rest on these."""
    with postgres.cloned(cluster, Schema.DEPLOYED) as database:
        events = [rows.Event(n % rows.COURSES, "E", "API", -n * 60 * rows.SECOND) for n in range(20_000)]
        with database.connect() as connection:
            rows.write(connection, rows.Content(events=events))
        partition(database, "fsm_events")
        with database.connect() as connection:
            for place in ("0", "1", "2", "3", "rest"):
                connection.execute(f"VACUUM ANALYZE fsm_events_{place}".encode())
            connection.execute("ANALYZE courses")
        found = next(row for row in seen(database) if row.columns == ["entity_id", "created_at"])
        assert found.rows == 20_000
        assert found.entities == rows.COURSES
        assert 150 < found.table_pages < 600
        assert 80 < found.index_pages < 400
        plan = events_plan(seen(database))
        assert plan.by_course or plan.by_skipping
        with sampler(database.dsn()) as sampling:
            compare_all(sampling)


def test_the_policy_of_the_parent_counts(database: Database):
    """A role that reads through the whole is admitted by its policy, and sees no row without one."""
    partition(database, "job_outbox")
    with database.connect() as connection:
        rows.write(connection, rows.quiet())
    truth = everything(database.dsn())
    with role(database) as name:
        allow(database, "GRANT SELECT ON job_outbox, fsm_events, idempotency_keys TO {role}", name)
        for table in KEYS:
            database.execute(f"CREATE POLICY watch ON {table} FOR SELECT TO {name} USING (true)")
        assert everything(database.dsn(name)) == truth


def seen(database: Database, table: str = "fsm_events") -> list[IndexRow]:
    """The result with a fresh catalogue."""
    with sampler(database.dsn()) as sampling:
        collector = next(
            collector
            for collector in sampling.database_collectors
            if collector.index and collector.index.table == table
        )
        with sampling.database.sample(*collector.reads) as session:
            return list(IndexCatalogue().rows(session, table))
