"""Reading the catalogue: cost, locks, and which schema is read."""

from __future__ import annotations

import time

from psycopg import sql

from exporter.core.errors import Locked
from exporter.database import queries
from exporter.migration import expected
from exporter.migration.report import CheckAnswer
from exporter.migration.verify.catalogue import ROLES
from exporter.migration.verify.run import verify
from tests import postgres
from tests.migration.verification import (
    broken_checks,
    checks,
    exporter_client,
    run_verify,
)
from tests.migration.verify.cases import DECOY, RPC

# The statements that read the catalogue alone, which exists in every database.
STATEMENTS = (
    *("migration/settings", "migration/cron_zone", "migration/relations", "migration/partitions", "migration/columns"),
    *("migration/constraints", "migration/indexes", "migration/policies", "migration/functions", "migration/leftovers"),
)


def scans(database: postgres.Database) -> dict[str, int]:
    """How often each table was scanned since the server started."""
    with database.connect() as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        rows = connection.execute(
            "SELECT format('%I.%I', schemaname, relname), seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables"
        ).fetchall()
    return dict(rows)


def buffers(database: postgres.Database) -> int:
    """The pages that the statements over the catalogue read, planning included."""
    tables = list(expected.TABLE_NAMES)
    parameters = {
        "schema": "public",
        "schemas": ["public"] * len(tables),
        "tables": tables,
        "names": list(expected.FUNCTION_NAMES),
        "functions": list(expected.FUNCTION_NAMES),
        "policies": [policy.name for table in expected.TABLES for policy in table.policies],
        "roles": list(ROLES),
        "outsiders": list(expected.OUTSIDERS),
    }
    total = 0
    with database.connect() as connection:
        for statement in STATEMENTS:
            explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ") + queries.load(statement).compose("public")
            connection.execute(explain, parameters)  # fills the session's own caches
            row = connection.execute(explain, parameters).fetchone()
            assert row is not None
            parts = (row[0][0]["Plan"], row[0][0]["Planning"])
            total += sum(part["Shared Hit Blocks"] + part["Shared Read Blocks"] for part in parts)
    return total


def test_ten_thousand_tables_take_less_than_two_seconds_and_none_is_read(cluster):
    """The catalogue is read by its indexes; of all tables only the records of pg_cron and migrations are read."""
    with postgres.cloned(cluster) as database:
        with database.connect() as connection:
            for start in range(0, 10_000, 500):  # one transaction would need too many locks
                connection.execute(
                    f"DO $$ BEGIN FOR n IN {start}..{start + 499} LOOP "
                    "EXECUTE format('CREATE TABLE many_%s (id INT PRIMARY KEY, job_outbox INT)', n); "
                    "END LOOP; END $$"
                )
            connection.execute("VACUUM ANALYZE")
        before = scans(database)
        with exporter_client(database) as client, client.sample():
            pass  # connected
        with exporter_client(database) as client:
            started = time.monotonic()
            with client.sample() as session:
                assert verify(session).answer is CheckAnswer.OK
            assert time.monotonic() - started < 2
        assert buffers(database) < 1000
        time.sleep(0.1)
        after = scans(database)
        read = {table for table, count in after.items() if count != before[table]}
        assert read <= {"cron.job", "cron.job_run_details", "supabase_migrations.schema_migrations"}


def test_verify_takes_only_access_share_locks(database):
    """Of the application's tables only on the three documented ones."""
    with exporter_client(database) as client, client.sample() as session:
        verify(session)
        with database.connect() as connection:
            locks = connection.execute(
                "SELECT DISTINCT c.relname, l.mode FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation "
                "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
                "WHERE l.pid <> pg_backend_pid() AND n.nspname IN ('public', 'auth') "
                "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchall()
    assert {mode for _, mode in locks} <= {"AccessShareLock"}
    assert {name for name, _ in locks} <= set(expected.TABLE_NAMES)


def test_a_locked_table_delays_verify_at_most_by_lock_timeout(database):
    """It succeeds or raises Locked, so that no migration queues behind it."""
    with database.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        try:
            run_verify(database)
        except Locked:
            assert time.monotonic() - started < 3


def test_an_empty_database_is_broken(cluster):
    """Without any schema, history or pg_cron there is no error."""
    with postgres.temporary(cluster) as database:
        report = run_verify(database)
        assert report.answer is CheckAnswer.BROKEN
        assert {"dependency.courses", "dependency.users"} < checks(report, CheckAnswer.BROKEN)
        assert run_verify(database, expect="absent").answer is CheckAnswer.OK


def test_a_schema_that_does_not_exist_is_broken(embedded_database):
    """Its tables are missing."""
    assert {f"{table}.table" for table in expected.TABLE_NAMES} < checks(
        run_verify(embedded_database, schema="nowhere"), CheckAnswer.BROKEN
    )


def test_verify_reads_the_configured_schema(database):
    """A schema with a capital in its name that has every object is ok; the empty public is not."""
    database.execute("""
        CREATE SCHEMA "App"; GRANT USAGE ON SCHEMA "App" TO authenticated, service_role;
        ALTER TABLE courses SET SCHEMA "App"; ALTER TABLE job_outbox SET SCHEMA "App";
        ALTER TABLE idempotency_keys SET SCHEMA "App"; ALTER TABLE fsm_events SET SCHEMA "App";
        ALTER FUNCTION initialize_fsm_with_outbox SET SCHEMA "App";
        ALTER FUNCTION cleanup_expired_idempotency_keys SET SCHEMA "App";
        ALTER FUNCTION cleanup_old_outbox_entries SET SCHEMA "App";
    """)
    assert broken_checks(database, schema="App") == set()
    assert {f"{table}.table" for table in expected.TABLE_NAMES} < broken_checks(database)
    report = run_verify(database, schema="App")
    assert any('"App".job_outbox' in finding.expected for finding in report.findings)


def test_objects_of_another_schema_do_not_count(database):
    """Also where another schema has the same names."""
    database.execute(DECOY.replace("{database}", database.name))
    assert {"job_outbox.columns", "job_outbox.row_security", f"{RPC}.signature"} < broken_checks(
        database, schema="decoy"
    )
