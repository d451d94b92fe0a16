"""The two migrations, on both servers and on the real pg_cron."""

from typing import Any

import psycopg
import pytest

from exporter.lab import migrate
from tests import postgres
from tests.postgres import Database

TABLES = ("job_outbox", "idempotency_keys", "fsm_events")

# deployed-application.md, "Tables".
INDEXES = {
    "idx_job_outbox_unprocessed": "(created_at) WHERE (processed_at IS NULL)",
    "idx_job_outbox_entity": "(entity_id)",
    "idx_job_outbox_cleanup": "(processed_at) WHERE (processed_at IS NOT NULL)",
    "idx_idempotency_expires": "(expires_at)",
    "idx_idempotency_entity": "(entity_id)",
    "idx_fsm_events_entity": "(entity_id, created_at DESC)",
    "idx_fsm_events_type": "(event_type)",
    "idx_fsm_events_created": "(created_at)",
}
POLICIES = {
    ("job_outbox", "job_outbox_system_only", "ALL", "false", None),
    ("idempotency_keys", "idempotency_keys_system_only", "ALL", "false", None),
    ("fsm_events", "fsm_events_user_read", "SELECT", "(user_id = auth.uid())", None),
    ("fsm_events", "fsm_events_system_write", "INSERT", None, "false"),
}
# database-migrations-reference.md, "Tables Created".
COLUMNS = {
    "job_outbox": [
        ("outbox_id", "uuid", "NO", "gen_random_uuid()"),
        ("entity_id", "uuid", "NO", None),
        ("queue_name", "character varying(100)", "NO", None),
        ("job_data", "jsonb", "NO", "'{}'::jsonb"),
        ("job_options", "jsonb", "NO", "'{}'::jsonb"),
        ("created_at", "timestamp with time zone", "NO", "now()"),
        ("processed_at", "timestamp with time zone", "YES", None),
        ("attempts", "integer", "NO", "0"),
        ("last_error", "text", "YES", None),
        ("last_attempt_at", "timestamp with time zone", "YES", None),
    ],
    "idempotency_keys": [
        ("key", "character varying(255)", "NO", None),
        ("result", "jsonb", "NO", "'{}'::jsonb"),
        ("created_at", "timestamp with time zone", "NO", "now()"),
        ("expires_at", "timestamp with time zone", "NO", "(now() + '24:00:00'::interval)"),
        ("entity_id", "uuid", "YES", None),
    ],
    "fsm_events": [
        ("event_id", "uuid", "NO", "gen_random_uuid()"),
        ("entity_id", "uuid", "NO", None),
        ("event_type", "character varying(50)", "NO", None),
        ("event_data", "jsonb", "NO", "'{}'::jsonb"),
        ("created_at", "timestamp with time zone", "NO", "now()"),
        ("created_by", "character varying(20)", "NO", None),
        ("user_id", "uuid", "YES", None),
    ],
}
CRON_JOBS = {
    ("cleanup_expired_idempotency_keys", "0 3 * * *", "SELECT public.cleanup_expired_idempotency_keys()", True),
    ("cleanup_old_outbox_entries", "0 2 * * 0", "SELECT public.cleanup_old_outbox_entries()", True),
}
A_COURSE = """
    WITH o AS (INSERT INTO organizations (name) VALUES ('o') RETURNING id),
         u AS (INSERT INTO auth.users DEFAULT VALUES RETURNING id)
    INSERT INTO courses (title, slug, user_id, organization_id) SELECT 'c', 'c', u.id, o.id FROM u, o RETURNING id
"""


def rows(database: Database, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(query, parameters or None).fetchall()


def inventory(database: Database) -> list[tuple[Any, ...]]:
    """Everything the migrations make, as text: to compare two moments."""
    return rows(
        database,
        """
        SELECT 'relation', oid::regclass::text, relkind::text, relacl::text, relrowsecurity::text FROM pg_class
        WHERE relnamespace IN ('public'::regnamespace, 'cron'::regnamespace)
        UNION ALL SELECT 'function', oid::regprocedure::text, md5(prosrc), proacl::text, proconfig::text FROM pg_proc
        WHERE pronamespace IN ('public'::regnamespace, 'cron'::regnamespace)
        UNION ALL SELECT 'policy', tablename, policyname, qual, with_check FROM pg_policies
        UNION ALL SELECT 'cron', jobid::text, jobname::text, schedule, command FROM cron.job
        UNION ALL SELECT 'version', version, name, cardinality(statements)::text, NULL
        FROM supabase_migrations.schema_migrations
        ORDER BY 1, 2, 3
        """,
    )


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_the_documented_ones(database, table):
    """Names, types, nullability and defaults, in the documented order."""
    found = rows(
        database,
        """
        SELECT column_name, format_type(atttypid, atttypmod), is_nullable, column_default
        FROM information_schema.columns
        JOIN pg_attribute ON attrelid = table_name::regclass AND attname = column_name
        WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position
        """,
        table,
    )
    assert [(name, kind, null, default) for name, kind, null, default in found] == [
        (name, kind, null, "NULL::character varying" if default == "" else default)
        for name, kind, null, default in COLUMNS[table]
    ]


def test_indexes_are_the_documented_eight(database):
    """Three, two and three, over the deployed columns."""
    found = dict(
        rows(
            database,
            "SELECT indexname, substring(indexdef FROM 'btree (.*)') FROM pg_indexes"
            " WHERE tablename = ANY(%s) AND indexname LIKE 'idx%%'",
            list(TABLES),
        )
    )
    assert found == INDEXES


def test_policies_and_row_security(database):
    """Row-level security is on for all three tables, with the deployed policies."""
    found = rows(
        database,
        "SELECT tablename, policyname, cmd, qual, with_check FROM pg_policies WHERE tablename = ANY(%s)",
        list(TABLES),
    )
    assert set(found) == POLICIES
    secured = "SELECT bool_and(relrowsecurity) FROM pg_class WHERE relname = ANY(%s)"
    assert database.value(secured, (list(TABLES),)) is True


def test_everything_ours_is_commented(database):
    """Tables and functions have comments on their purpose."""
    assert (
        database.value(
            "SELECT count(*) FROM unnest(%s::text[]) AS name WHERE obj_description(name::regclass) IS NULL",
            (list(TABLES),),
        )
        == 0
    )
    assert (
        database.value(
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND obj_description(oid, 'pg_proc') IS NULL"
        )
        == 0
    )


def test_versions_are_registered_with_their_text(database):
    """schema_migrations knows both, by version and name."""
    assert rows(database, "SELECT version, name FROM supabase_migrations.schema_migrations ORDER BY version") == [
        ("20251118094238", "create_transactional_outbox_tables"),
        ("20251118095804", "create_initialize_fsm_with_outbox_rpc"),
    ]


@pytest.mark.parametrize("schema", list(migrate.Schema))
def test_applying_again_changes_nothing(cluster, schema):
    """A second run leaves the same relations, functions, grants, policies, cron jobs and versions."""
    with postgres.cloned(cluster, schema) as database:
        before = inventory(database)
        with database.connect() as connection:
            migrate.apply(connection, schema)
        assert inventory(database) == before


def test_the_cron_jobs_are_scheduled_in_the_stand_in(database):
    """Names, schedules and commands, active."""
    assert set(rows(database, "SELECT jobname, schedule, command, active FROM cron.job")) == CRON_JOBS


def test_the_cron_jobs_are_scheduled_in_the_real_pg_cron_and_only_once(cron_database):
    """The same on the real extension, also after a second run."""
    with cron_database.connect() as connection:
        migrate.apply(connection)
    assert sorted(rows(cron_database, "SELECT jobname, schedule, command, active FROM cron.job")) == sorted(CRON_JOBS)


def test_without_cron_the_migrations_apply_all_the_same(cluster):
    """No schema cron: nothing is scheduled and nothing fails."""
    with postgres.cloned(cluster) as database:
        database.execute("DROP SCHEMA cron CASCADE")
        with database.connect() as connection:
            for migration in migrate.migrations():
                migrate.apply_migration(connection, migration)
        assert database.value("SELECT to_regnamespace('cron')") is None


def test_the_second_migration_needs_the_first(cluster):
    """Out of order it fails, and registers no version."""
    with postgres.temporary(cluster) as database, database.connect() as connection:
        migrate.apply_prerequisites(connection)
        with pytest.raises(psycopg.errors.UndefinedTable):
            migrate.apply_migration(connection, migrate.migrations()[1])
        assert database.value("SELECT count(*) FROM supabase_migrations.schema_migrations") == 0


def test_the_deployed_variant_differs_as_found(deployed_database):
    """No index on fsm_events (created_at), the RPC open to PUBLIC, clean-ups without a pinned search_path."""
    assert deployed_database.value("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'idx%'") == 7
    assert deployed_database.value(
        "SELECT has_function_privilege('anon', oid, 'EXECUTE') FROM pg_proc WHERE proname LIKE 'initialize%'"
    )
    assert rows(deployed_database, "SELECT proconfig FROM pg_proc WHERE proname LIKE 'cleanup%'") == [(None,), (None,)]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_row_security_hides_the_outbox_without_an_error(database, role):
    """A plain role may select and counts zero rows: the trap that the exporter must not fall into."""
    course = database.value(A_COURSE)
    database.execute("INSERT INTO job_outbox (entity_id, queue_name) VALUES (%s, 'q')", (course,))
    with database.connect(role) as connection:
        assert connection.execute("SELECT count(*) FROM job_outbox").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO job_outbox (entity_id, queue_name) VALUES (%s, 'q')", (course,))
    with database.connect("service_role") as connection:
        assert connection.execute("SELECT count(*) FROM job_outbox").fetchone() == (1,)


def test_a_user_reads_their_own_events_only(database):
    """fsm_events shows a signed-in user their own events, and lets them write nothing."""
    course = database.value(A_COURSE)
    owner = database.value("SELECT user_id FROM courses")
    other = database.value("INSERT INTO auth.users DEFAULT VALUES RETURNING id")
    for user in (owner, other, None):
        database.execute(
            "INSERT INTO fsm_events (entity_id, event_type, created_by, user_id) VALUES (%s, 'X', 'API', %s)",
            (course, user),
        )
    with database.connect("authenticated") as connection:
        connection.execute(
            "SELECT set_config('request.jwt.claims', json_build_object('sub', %s::text)::text, false)", (owner,)
        )
        assert connection.execute("SELECT user_id FROM fsm_events").fetchall() == [(owner,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "INSERT INTO fsm_events (entity_id, event_type, created_by, user_id) VALUES (%s, 'X', 'API', %s)",
                (course, owner),
            )


def test_clean_up_of_keys_deletes_the_expired_ones_only(database):
    """The live key stays; the number of deleted ones is returned."""
    database.execute(
        "INSERT INTO idempotency_keys (key, expires_at) VALUES ('old', NOW() - INTERVAL '1 second'),"
        " ('older', NOW() - INTERVAL '3 days'), ('live', NOW() + INTERVAL '1 hour')"
    )
    assert database.value("SELECT cleanup_expired_idempotency_keys()") == 2
    assert database.value("SELECT string_agg(key, ',') FROM idempotency_keys") == "live"


def test_clean_up_of_the_outbox_spares_pending_jobs_and_the_last_thirty_days(database):
    """Only jobs processed more than 30 days ago are deleted; a pending job stays however old it is."""
    course = database.value(A_COURSE)
    database.execute(
        "INSERT INTO job_outbox (entity_id, queue_name, created_at, processed_at) VALUES"
        " (%(c)s, 'gone', NOW() - INTERVAL '40 days', NOW() - INTERVAL '31 days'),"
        " (%(c)s, 'recent', NOW() - INTERVAL '40 days', NOW() - INTERVAL '29 days'),"
        " (%(c)s, 'pending', NOW() - INTERVAL '40 days', NULL)",
        {"c": course},
    )
    assert database.value("SELECT cleanup_old_outbox_entries()") == 1
    assert database.value("SELECT string_agg(queue_name, ',' ORDER BY queue_name) FROM job_outbox") == "pending,recent"


@pytest.mark.parametrize("function", ["cleanup_expired_idempotency_keys()", "cleanup_old_outbox_entries()"])
def test_only_the_service_may_clean_up(database, function):
    """PUBLIC lost the right that PostgreSQL gives by default."""
    for role, allowed in (("service_role", True), ("authenticated", False), ("anon", False)):
        assert database.value("SELECT has_function_privilege(%s, %s, 'EXECUTE')", (role, function)) is allowed


def test_deleting_a_course_cascades(database):
    """Its jobs, events and keys go with it."""
    course = database.value(A_COURSE)
    database.execute("INSERT INTO job_outbox (entity_id, queue_name) VALUES (%s, 'q')", (course,))
    database.execute("INSERT INTO fsm_events (entity_id, event_type, created_by) VALUES (%s, 'X', 'API')", (course,))
    database.execute("INSERT INTO idempotency_keys (key, entity_id) VALUES ('k', %s)", (course,))
    database.execute("DELETE FROM courses WHERE id = %s", (course,))
    for table in TABLES:
        assert database.value(psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))) == 0
