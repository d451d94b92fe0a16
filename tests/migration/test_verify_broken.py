"""One thing wrong at a time: exactly the checks concerned say so, on both servers."""

from __future__ import annotations

import pytest

from exporter.migration import expected
from tests.migration.partitioned import PARTITIONED
from tests.migration.verification import apply_remedies, broken_checks, run_verify

RPC = "initialize_fsm_with_outbox"
TYPES = "UUID, UUID, UUID, TEXT, TEXT, TEXT, JSONB, JSONB"
KEYS_JOB, OUTBOX_JOB = expected.JOB_NAMES


def index_of(table: str) -> set[str]:
    return {index.name for each in expected.TABLES if each.name == table for index in each.indexes}


def all_of(table: str) -> set[str]:
    """Every check about a table that is gone."""
    prefixed = {
        check
        for each in expected.TABLES
        if each.name == table
        for check in (
            f"{table}.table",
            f"{table}.columns",
            f"{table}.primary_key",
            f"{table}.row_security",
            *(f"{table}.{key.column}.foreign_key" for key in each.foreign_keys),
            *(f"{table}.policy.{policy.name}" for policy in each.policies),
        )
    }
    return prefixed | index_of(table) | ({"fsm_events.created_by.check"} if table == "fsm_events" else set())


def all_about(function: str) -> set[str]:
    """Every check about a function that is gone."""
    aspects = ("signature", "security_definer", "body", *(("search_path", "execute") if function == RPC else ()))
    return {f"{function}.{aspect}" for aspect in aspects}


def column(table: str, change: str) -> tuple[str, set[str]]:
    return f"ALTER TABLE {table} ALTER COLUMN {change}", {f"{table}.columns"}


def index(table: str, name: str, instead: str) -> tuple[str, set[str]]:
    return f"DROP INDEX {name}; CREATE INDEX {name} ON {table} {instead}", {name}


def reference(table: str, key: str, clause: str) -> tuple[str, set[str]]:
    statement = f"ALTER TABLE {table} DROP CONSTRAINT {table}_{key}_fkey"
    return f"{statement}{f', ADD {clause}' if clause else ''}", {f"{table}.{key}.foreign_key"}


def policy(table: str, name: str, clause: str) -> tuple[str, set[str]]:
    create = f"; CREATE POLICY {name} ON {table} {clause}" if clause else ""
    return f"DROP POLICY {name} ON {table}{create}", {f"{table}.policy.{name}"}


def rpc(parameters: str, returns: str = "JSONB") -> tuple[str, set[str]]:
    body = "SELECT NULL::jsonb -- job_outbox idempotency_keys fsm_events"
    create = f"CREATE FUNCTION {RPC}({parameters}) RETURNS {returns} LANGUAGE sql AS $$ {body} $$"
    return f"DROP FUNCTION {RPC}; {create}", all_about(RPC)


NAMED = (
    "p_entity_id UUID, p_user_id UUID, p_organization_id UUID, p_idempotency_key TEXT, p_initiated_by TEXT, "
    "p_initial_state TEXT, p_job_data JSONB"
)
ON_COURSES = "FOREIGN KEY (entity_id) REFERENCES courses (id)"

# As on a server of one's own: who owns it all is no superuser.
OWNED_BY_ORDINARY_ROLE = (
    "DO $$ BEGIN IF to_regrole('app_owner') IS NULL THEN CREATE ROLE app_owner; END IF; END $$;"
    "ALTER TABLE job_outbox OWNER TO app_owner; ALTER TABLE idempotency_keys OWNER TO app_owner;"
    "ALTER TABLE fsm_events OWNER TO app_owner; ALTER FUNCTION initialize_fsm_with_outbox OWNER TO app_owner;"
    "ALTER FUNCTION cleanup_expired_idempotency_keys OWNER TO app_owner;"
    "ALTER FUNCTION cleanup_old_outbox_entries OWNER TO app_owner;"
)

CASES: dict[str, tuple[str, set[str]]] = {
    # tables
    "no job_outbox": ("DROP TABLE job_outbox", all_of("job_outbox")),
    "no idempotency_keys": ("DROP TABLE idempotency_keys", all_of("idempotency_keys")),
    "no fsm_events": ("DROP TABLE fsm_events", all_of("fsm_events")),
    "a view in place of a table": (
        "DROP TABLE idempotency_keys; CREATE VIEW idempotency_keys AS SELECT 1 AS key",
        all_of("idempotency_keys"),
    ),
    "a table that a crash empties": ("ALTER TABLE job_outbox SET UNLOGGED", {"job_outbox.table"}),
    # partitions
    "ids that are not unique by a partition key": (
        PARTITIONED.replace("(outbox_id, created_at)", "(outbox_id, queue_name, created_at)"),
        {"job_outbox.primary_key"},
    ),
    "keys that are not unique by a partition key": (
        """
        ALTER TABLE idempotency_keys RENAME TO old_keys;
        DROP INDEX idx_idempotency_expires, idx_idempotency_entity;
        CREATE TABLE idempotency_keys (LIKE old_keys INCLUDING DEFAULTS, PRIMARY KEY (key, created_at),
          FOREIGN KEY (entity_id) REFERENCES courses (id) ON DELETE CASCADE) PARTITION BY RANGE (created_at);
        CREATE INDEX idx_idempotency_expires ON idempotency_keys (expires_at);
        CREATE INDEX idx_idempotency_entity ON idempotency_keys (entity_id);
        ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
        CREATE POLICY idempotency_keys_system_only ON idempotency_keys USING (false);
        DROP TABLE old_keys
        """,
        {"idempotency_keys.primary_key"},
    ),
    "a partition that anybody may read": (
        PARTITIONED + "ALTER TABLE job_outbox_p1 DISABLE ROW LEVEL SECURITY; GRANT SELECT ON job_outbox_p1 TO anon;",
        {"job_outbox.row_security"},
    ),
    "a partition that anybody may write": (
        PARTITIONED + "ALTER TABLE job_outbox_default DISABLE ROW LEVEL SECURITY; "
        "REVOKE ALL ON job_outbox_default FROM PUBLIC, anon, authenticated; "
        "GRANT INSERT (job_data) ON job_outbox_default TO authenticated;",
        {"job_outbox.row_security"},
    ),
    "a partition with its references switched off": (
        PARTITIONED + "ALTER TABLE job_outbox_p2 DISABLE TRIGGER ALL;",
        {"job_outbox.entity_id.foreign_key"},
    ),
    "an index that some partition lacks": (
        PARTITIONED + "DROP INDEX idx_job_outbox_entity; "
        "CREATE INDEX idx_job_outbox_entity ON ONLY job_outbox (entity_id);",
        {"idx_job_outbox_entity"},
    ),
    "no policy on the partitioned table": (
        PARTITIONED + "DROP POLICY job_outbox_system_only ON job_outbox;",
        {"job_outbox.policy.job_outbox_system_only"},
    ),
    # columns
    "column gone": ("ALTER TABLE job_outbox DROP COLUMN last_error", {"job_outbox.columns"}),
    "column renamed": ("ALTER TABLE job_outbox RENAME attempts TO tries", {"job_outbox.columns"}),
    "indexed column gone": (
        "ALTER TABLE job_outbox DROP COLUMN processed_at",
        {"job_outbox.columns", "idx_job_outbox_unprocessed", "idx_job_outbox_cleanup"},
    ),
    "other type": column("job_outbox", "attempts TYPE BIGINT"),
    "other length": column("job_outbox", "queue_name TYPE VARCHAR(50)"),
    "other time type": column("idempotency_keys", "expires_at TYPE TIMESTAMP, ALTER expires_at SET DEFAULT NOW()"),
    "no default": column("job_outbox", "outbox_id DROP DEFAULT"),
    "no default now": column("fsm_events", "created_at DROP DEFAULT"),
    "other default": column("job_outbox", "attempts SET DEFAULT 1"),
    "other time to live": column("idempotency_keys", "expires_at SET DEFAULT NOW() + INTERVAL '48 hours'"),
    "a default where none is": column("job_outbox", "processed_at SET DEFAULT NOW()"),
    "nullable": column("job_outbox", "queue_name DROP NOT NULL"),
    "not nullable": column("idempotency_keys", "entity_id SET NOT NULL"),
    # keys and references
    "no primary key": ("ALTER TABLE job_outbox DROP CONSTRAINT job_outbox_pkey", {"job_outbox.primary_key"}),
    "primary key elsewhere": (
        "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_pkey, ADD PRIMARY KEY (event_id, entity_id)",
        {"fsm_events.primary_key"},
    ),
    "no reference": reference("job_outbox", "entity_id", ""),
    "no cascade": reference("job_outbox", "entity_id", ON_COURSES),
    "restrict": reference("idempotency_keys", "entity_id", f"{ON_COURSES} ON DELETE RESTRICT"),
    "set null in place of cascade": reference("fsm_events", "entity_id", f"{ON_COURSES} ON DELETE SET NULL"),
    "cascade in place of set null": reference(
        "fsm_events", "user_id", "FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE"
    ),
    "refers elsewhere": reference(
        "job_outbox", "entity_id", "FOREIGN KEY (entity_id) REFERENCES organizations (id) ON DELETE CASCADE"
    ),
    "not validated": reference("job_outbox", "entity_id", f"{ON_COURSES} ON DELETE CASCADE NOT VALID"),
    "a second reference that restricts": (
        f"ALTER TABLE job_outbox ADD {ON_COURSES} ON DELETE RESTRICT",
        {"job_outbox.entity_id.foreign_key"},
    ),
    "references switched off": (
        "ALTER TABLE job_outbox DISABLE TRIGGER ALL",
        {"job_outbox.entity_id.foreign_key"},
    ),
    # check
    "no check": ("ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check", {"fsm_events.created_by.check"}),
    "one source more": (
        (
            "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check, "
            "ADD CHECK (created_by IN ('API', 'QUEUE', 'WORKER', 'TEST'))"
        ),
        {"fsm_events.created_by.check"},
    ),
    "one source less": (
        (
            "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check, "
            "ADD CHECK (created_by IN ('API', 'QUEUE'))"
        ),
        {"fsm_events.created_by.check"},
    ),
    "all but these sources": (
        ("ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check, ADD CHECK (created_by <> 'TEST')"),
        {"fsm_events.created_by.check"},
    ),
    "check not validated": (
        (
            "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check, "
            "ADD CHECK (created_by IN ('API', 'QUEUE', 'WORKER')) NOT VALID"
        ),
        {"fsm_events.created_by.check"},
    ),
    # indexes
    **{
        f"no {each.name}": (f"DROP INDEX {each.name}", {each.name})
        for table in expected.TABLES
        for each in table.indexes
    },
    "index on another column": index("job_outbox", "idx_job_outbox_entity", "(outbox_id)"),
    "index without predicate": index("job_outbox", "idx_job_outbox_unprocessed", "(created_at)"),
    "index with another predicate": index("job_outbox", "idx_job_outbox_cleanup", "(processed_at) WHERE attempts = 0"),
    "columns of an index reversed": index("fsm_events", "idx_fsm_events_entity", "(created_at, entity_id)"),
    "index on an expression": index("fsm_events", "idx_fsm_events_type", "(lower(event_type))"),
    "index without order": index("idempotency_keys", "idx_idempotency_expires", "USING hash (expires_at)"),
    "index not valid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_job_outbox_entity'::regclass",
        {"idx_job_outbox_entity"},
    ),
    # row security
    "row security off": ("ALTER TABLE job_outbox DISABLE ROW LEVEL SECURITY", {"job_outbox.row_security"}),
    "no policy": policy("job_outbox", "job_outbox_system_only", ""),
    "everyone reads": policy("job_outbox", "job_outbox_system_only", "USING (true)"),
    "everyone writes": policy("idempotency_keys", "idempotency_keys_system_only", "USING (false) WITH CHECK (true)"),
    "denies reading alone": policy("job_outbox", "job_outbox_system_only", "FOR SELECT USING (false)"),
    "users read everything": policy("fsm_events", "fsm_events_user_read", "FOR SELECT USING (true)"),
    "users read everything after all": policy(
        "fsm_events", "fsm_events_user_read", "FOR SELECT USING (user_id = auth.uid() OR true)"
    ),
    "users read whatever the service may": policy(
        "fsm_events",
        "fsm_events_user_read",
        "FOR SELECT USING (auth.uid() = user_id OR auth.jwt() ->> 'role' = 'authenticated')",
    ),
    "only the service reads": policy(
        "fsm_events", "fsm_events_user_read", "FOR SELECT USING (auth.jwt() ->> 'role' = 'service_role')"
    ),
    "anonymous users read what is nobody's": policy(
        "fsm_events", "fsm_events_user_read", "FOR SELECT USING (auth.uid() IS NOT DISTINCT FROM user_id)"
    ),
    "whoever is signed in reads jobs": policy("job_outbox", "job_outbox_system_only", "USING (auth.uid() IS NOT NULL)"),
    "whoever is signed in reads keys, too": (
        "CREATE POLICY more ON idempotency_keys FOR SELECT USING (auth.jwt() ->> 'role' = 'authenticated')",
        {"idempotency_keys.row_security"},
    ),
    "users write what is theirs": policy("fsm_events", "fsm_events_user_read", "USING (user_id = auth.uid())"),
    "users read what is not theirs": policy(
        "fsm_events", "fsm_events_user_read", "FOR SELECT USING (user_id <> auth.uid())"
    ),
    "users read nothing": policy("fsm_events", "fsm_events_user_read", "FOR SELECT USING (false)"),
    "the wrong users read": policy(
        "fsm_events", "fsm_events_user_read", "FOR SELECT TO service_role USING (user_id = auth.uid())"
    ),
    "reading is only restricted": policy(
        "fsm_events", "fsm_events_user_read", "AS RESTRICTIVE FOR SELECT USING (user_id = auth.uid())"
    ),
    "everyone inserts": policy("fsm_events", "fsm_events_system_write", "FOR INSERT WITH CHECK (true)"),
    "another policy opens it": (
        "CREATE POLICY later ON job_outbox FOR SELECT TO anon USING (true)",
        {"job_outbox.row_security"},
    ),
    "another policy lets users insert": (
        "CREATE POLICY later ON fsm_events FOR INSERT TO authenticated WITH CHECK (true)",
        {"fsm_events.row_security"},
    ),
    # functions
    "no RPC": (f"DROP FUNCTION {RPC}", all_about(RPC)),
    "a required parameter more": rpc(f"{NAMED}, p_metadata JSONB, p_more TEXT"),
    "parameters in another order": rpc(NAMED.replace("p_initiated_by TEXT, ", "") + ", p_initiated_by TEXT"),
    "a parameter of another name": rpc(f"{NAMED}, p_meta JSONB DEFAULT '{{}}'"),
    "a parameter of another type": rpc(f"{NAMED}, p_metadata JSON DEFAULT '{{}}'"),
    "metadata required": rpc(f"{NAMED}, p_metadata JSONB"),
    "another result": rpc(f"{NAMED}, p_metadata JSONB DEFAULT '{{}}'", "SETOF JSONB"),
    "RPC that cannot write": (f"ALTER FUNCTION {RPC} STABLE", {f"{RPC}.signature"}),
    "RPC with the caller's rights": (f"ALTER FUNCTION {RPC} SECURITY INVOKER", {f"{RPC}.security_definer"}),
    "RPC with no search_path": (f"ALTER FUNCTION {RPC} RESET search_path", {f"{RPC}.search_path"}),
    "RPC without pg_temp": (f"ALTER FUNCTION {RPC} SET search_path = public", {f"{RPC}.search_path"}),
    "RPC with pg_temp first": (f"ALTER FUNCTION {RPC} SET search_path = pg_temp, public", {f"{RPC}.search_path"}),
    "RPC with the user's schema": (
        f"""ALTER FUNCTION {RPC} SET search_path = "$user", public, pg_temp""",
        {f"{RPC}.search_path"},
    ),
    "nobody may call": (f"REVOKE EXECUTE ON FUNCTION {RPC} FROM authenticated", {f"{RPC}.execute"}),
    "the service may not call": (f"REVOKE EXECUTE ON FUNCTION {RPC} FROM service_role", {f"{RPC}.execute"}),
    "users may not use the schema": (
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC, authenticated",
        {f"{RPC}.execute"},
    ),
    "RPC that does nothing": (
        (
            f"CREATE OR REPLACE FUNCTION {RPC}({NAMED}, p_metadata JSONB DEFAULT '{{}}') RETURNS JSONB "
            "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp "
            "AS $$ BEGIN -- job_outbox idempotency_keys fsm_events\n RETURN '{}'; END $$"
        ),
        {f"{RPC}.body"},
    ),
    "no clean-up of keys": (f"DROP FUNCTION {KEYS_JOB}", all_about(KEYS_JOB)),
    "no clean-up of jobs": (f"DROP FUNCTION {OUTBOX_JOB}", all_about(OUTBOX_JOB)),
    "clean-up with the caller's rights": (
        f"ALTER FUNCTION {OUTBOX_JOB} SECURITY INVOKER",
        {f"{OUTBOX_JOB}.security_definer"},
    ),
    "clean-up that cleans nothing": (
        f"CREATE OR REPLACE FUNCTION {KEYS_JOB}() RETURNS INTEGER LANGUAGE sql SECURITY DEFINER AS 'SELECT 0'",
        {f"{KEYS_JOB}.body"},
    ),
    # schedules
    "job not scheduled": (f"SELECT cron.unschedule('{KEYS_JOB}')", {f"cron.{KEYS_JOB}", f"cron.{KEYS_JOB}.runs"}),
    "job not active": (
        f"UPDATE cron.job SET active = false WHERE jobname = '{KEYS_JOB}'",
        {f"cron.{KEYS_JOB}"},
    ),
    "job at another time": (
        f"UPDATE cron.job SET schedule = '0 4 * * *' WHERE jobname = '{KEYS_JOB}'",
        {f"cron.{KEYS_JOB}"},
    ),
    "job doing something else": (
        f"UPDATE cron.job SET command = 'SELECT 1' WHERE jobname = '{OUTBOX_JOB}'",
        {f"cron.{OUTBOX_JOB}"},
    ),
    "job in another database": (
        f"UPDATE cron.job SET database = 'elsewhere' WHERE jobname = '{OUTBOX_JOB}'",
        {f"cron.{OUTBOX_JOB}", f"cron.{OUTBOX_JOB}.runs"},
    ),
    "last run failed": (
        (
            "INSERT INTO cron.job_run_details (jobid, status, return_message, start_time, end_time) "
            f"SELECT jobid, s, 'boom', NOW() - a, NOW() - a FROM cron.job, "
            "(VALUES ('succeeded', INTERVAL '2 hours'), ('failed', INTERVAL '1 hour')) AS run (s, a) "
            f"WHERE jobname = '{KEYS_JOB}' ORDER BY a DESC"
        ),
        {f"cron.{KEYS_JOB}.runs"},
    ),
    "last run too long ago": (
        (
            "INSERT INTO cron.job_run_details (jobid, status, start_time, end_time) "
            "SELECT jobid, 'succeeded', NOW() - INTERVAL '27 hours', NOW() - INTERVAL '27 hours' FROM cron.job"
        ),
        {f"cron.{KEYS_JOB}.runs"},
    ),
    # register and dependencies
    "tables not registered": (
        "DELETE FROM supabase_migrations.schema_migrations WHERE version = '20251118094238'",
        {"register.20251118094238", "register.order"},
    ),
    "RPC not registered": (
        "DELETE FROM supabase_migrations.schema_migrations WHERE version = '20251118095804'",
        {"register.20251118095804"},
    ),
    "registered under another version": (
        "UPDATE supabase_migrations.schema_migrations SET version = '20251118120000' WHERE version = '20251118095804'",
        {"register.20251118095804"},
    ),
    "row-level security forced on an owner without BYPASSRLS": (
        f"{OWNED_BY_ORDINARY_ROLE} ALTER TABLE job_outbox FORCE ROW LEVEL SECURITY",
        {"job_outbox.row_security"},
    ),
    "functions that belong to somebody else": (
        f"{OWNED_BY_ORDINARY_ROLE} ALTER TABLE fsm_events OWNER TO postgres",
        {"fsm_events.row_security"},
    ),
    "courses gone": (
        "DROP TABLE courses CASCADE",
        {"dependency.courses", *(f"{table}.entity_id.foreign_key" for table in expected.TABLE_NAMES)},
    ),
    "users not unique": (
        "ALTER TABLE auth.users DROP CONSTRAINT users_pkey CASCADE",
        {"dependency.users", "fsm_events.user_id.foreign_key"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_thing_wrong_is_reported_by_exactly_the_checks_concerned(database, case):
    """Nothing else is called broken, and every broken check says what is wrong and how to mend it."""
    statement, concerned = CASES[case]
    database.execute(statement)
    assert broken_checks(database) == concerned


def test_every_check_is_broken_by_some_case(database):
    """No check is one that cannot fail."""
    covered = set().union(*(concerned for _, concerned in CASES.values()))
    assert {finding.check for finding in run_verify(database).findings} == covered


# Only from PostgreSQL 18 on.
NEWER = {
    "a reference that is not enforced": reference(
        "job_outbox", "entity_id", f"{ON_COURSES} ON DELETE CASCADE NOT ENFORCED"
    ),
    "a check that is not enforced": (
        (
            "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check, "
            "ADD CHECK (created_by IN ('API', 'QUEUE', 'WORKER')) NOT ENFORCED"
        ),
        {"fsm_events.created_by.check"},
    ),
    "NOT NULL for new rows alone": (
        'ALTER TABLE job_outbox ALTER queue_name DROP NOT NULL, ADD CONSTRAINT "Named" NOT NULL queue_name NOT VALID',
        {"job_outbox.columns"},
    ),
    "a reference of a partitioned table that is not validated": (
        PARTITIONED + "ALTER TABLE job_outbox DROP CONSTRAINT job_outbox_entity_id_fkey, "
        f"ADD {ON_COURSES} ON DELETE CASCADE NOT VALID;",
        {"job_outbox.entity_id.foreign_key"},
    ),
}


@pytest.mark.parametrize("case", NEWER)
def test_what_newer_servers_leave_open_is_reported_and_mended(embedded_database, case):
    """A constraint that exists and does not hold is broken; the statement printed puts it in force."""
    statement, concerned = NEWER[case]
    embedded_database.execute(statement)
    assert broken_checks(embedded_database) == concerned
    apply_remedies(embedded_database)
    assert broken_checks(embedded_database) == set()
