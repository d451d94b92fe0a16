"""One deviation at a time is reported by exactly the checks concerned; accepted variants by none."""

from __future__ import annotations

import pytest

from exporter.lab import migrate
from exporter.migration import expected
from exporter.migration.report import CheckAnswer
from tests import postgres
from tests.database.roles import allow, role
from tests.migration.partitioned import PARTITIONED
from tests.migration.verification import (
    apply_remedies,
    broken_checks,
    checks,
    run_verify,
)
from tests.migration.verify.cases import (
    DECOY,
    KEYS_JOB,
    NINE_PARAMETER_RPC,
    NOT_UNDERSTOOD,
    OUTBOX_JOB,
    OWNED_BY_ORDINARY_ROLE,
    RPC,
)


@pytest.mark.parametrize("case", NOT_UNDERSTOOD)
def test_definitions_that_are_not_understood_are_unknown(database, case):
    """Neither ok nor broken: people have to decide."""
    statement, check = NOT_UNDERSTOOD[case]
    database.execute(statement)
    report = run_verify(database)
    assert checks(report, CheckAnswer.UNKNOWN) == {check}
    assert checks(report, CheckAnswer.BROKEN) == set()


def test_a_database_without_the_migration_is_broken_not_unknown(cluster):
    """Before the migration its dependencies exist, all else is missing."""
    with postgres.temporary(cluster) as database:
        with database.connect() as connection:
            migrate.apply_prerequisites(connection)
        found = broken_checks(database)
        assert not {check for check in found if check.startswith("dependency.")}
        assert {f"{table}.table" for table in expected.TABLE_NAMES} < found
        assert run_verify(database, expect="absent").answer is CheckAnswer.OK


REORDERED = """
    DROP TABLE "fsm_events";
    CREATE TABLE "fsm_events" (
      "user_id" UUID NULL REFERENCES "auth"."users" ON DELETE SET NULL,
      "created_by" CHARACTER VARYING(20) NOT NULL,
      "created_at" TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL,
      "event_data" JSONB DEFAULT '{}'::jsonb NOT NULL,
      "event_type" VARCHAR(50) NOT NULL,
      "entity_id" UUID NOT NULL,
      "event_id" UUID DEFAULT gen_random_uuid(),
      CONSTRAINT "anything" PRIMARY KEY ("event_id"),
      CONSTRAINT "sources" CHECK ("created_by" = 'WORKER' OR "created_by" = 'QUEUE' OR "created_by" = 'API'),
      CONSTRAINT "course" FOREIGN KEY ("entity_id") REFERENCES "courses" ("id") ON DELETE CASCADE
    );
    CREATE INDEX "one" ON "fsm_events" ("entity_id", "created_at");
    CREATE INDEX "two" ON "fsm_events" ("event_type" DESC);
    ALTER TABLE "fsm_events" ENABLE ROW LEVEL SECURITY;
    CREATE POLICY "fsm_events_system_write" ON "fsm_events" AS RESTRICTIVE FOR INSERT TO PUBLIC WITH CHECK (FALSE);
    CREATE POLICY "fsm_events_user_read" ON "fsm_events" FOR SELECT TO authenticated
      USING ((SELECT auth.uid()) = "user_id");
"""

ACCEPTED: dict[str, str] = {
    "nothing": "SELECT 1",
    "partitions by month": PARTITIONED,
    "partitions that no outsider may name": (
        PARTITIONED + "REVOKE ALL ON job_outbox_p0 FROM PUBLIC, anon, authenticated; "
        "ALTER TABLE job_outbox_p0 DISABLE ROW LEVEL SECURITY;"
    ),
    "ids in the order of time": (
        "CREATE FUNCTION uuidv7() RETURNS UUID LANGUAGE sql AS 'SELECT gen_random_uuid()'; "
        "ALTER TABLE job_outbox ALTER outbox_id SET DEFAULT public.uuidv7(); "
        "CREATE SCHEMA IF NOT EXISTS extensions; "
        "CREATE FUNCTION extensions.uuid_generate_v4() RETURNS UUID LANGUAGE sql AS 'SELECT gen_random_uuid()'; "
        "ALTER TABLE fsm_events ALTER event_id SET DEFAULT extensions.uuid_generate_v4()"
    ),
    **{
        f"events for the service by its token, {name}": (
            "DROP POLICY fsm_events_user_read ON fsm_events; "
            f"CREATE POLICY fsm_events_user_read ON fsm_events FOR SELECT USING ({condition})"
        )
        for name, condition in {
            "as deployed": "auth.uid() = user_id OR auth.jwt() ->> 'role' = 'service_role'",
            "the other way round": "'service_role' = (auth.jwt() ->> 'role') OR user_id = auth.uid()",
            "computed once": ("(SELECT auth.uid()) = user_id OR (SELECT auth.jwt() ->> 'role') = 'service_role'"),
            "as one subquery": "(SELECT auth.uid() = fsm_events.user_id OR auth.jwt() ->> 'role' = 'service_role')",
            "never NULL": "auth.uid() = user_id OR COALESCE(auth.jwt() ->> 'role', '') = 'service_role'",
            "from the setting": (
                "auth.uid() = user_id OR current_setting('request.jwt.claims', true)::jsonb ->> 'role' = 'service_role'"
            ),
            "in a list": "auth.uid() = user_id OR auth.jwt() ->> 'role' IN ('service_role')",
            "as texts": "auth.uid()::text = user_id::text OR (auth.jwt() ->> 'role')::text = 'service_role'::text",
            "signed in": "(auth.uid() IS NOT NULL AND auth.uid() = user_id) OR auth.jwt() ->> 'role' = 'service_role'",
        }.items()
    },
    "jobs for the service by its token": (
        "DROP POLICY job_outbox_system_only ON job_outbox; "
        "CREATE POLICY job_outbox_system_only ON job_outbox USING (auth.jwt() ->> 'role' = 'service_role')"
    ),
    "more indexes": "CREATE INDEX ON job_outbox (queue_name); CREATE UNIQUE INDEX ON fsm_events (event_id, created_at)",
    "later columns": "ALTER TABLE job_outbox ADD extra TEXT; ALTER TABLE fsm_events ADD n INT NOT NULL DEFAULT 0",
    "the nine-parameter RPC": NINE_PARAMETER_RPC,
    "another function of that name": f"CREATE FUNCTION {RPC}(n INT) RETURNS INT LANGUAGE sql AS 'SELECT 1'",
    "a policy for the monitoring role": (
        "DO $$ BEGIN IF to_regrole('watcher') IS NULL THEN CREATE ROLE watcher; END IF; END $$;"
        "CREATE POLICY outbox_monitor_read ON job_outbox FOR SELECT TO watcher USING (true)"
    ),
    "a policy for the service": "CREATE POLICY service ON fsm_events TO service_role USING (true) WITH CHECK (true)",
    "a restrictive policy": "CREATE POLICY extra ON job_outbox AS RESTRICTIVE USING (true)",
    "an owner who is no superuser": OWNED_BY_ORDINARY_ROLE,
    "row-level security forced on an owner whom a policy lets in": (
        f"{OWNED_BY_ORDINARY_ROLE} ALTER TABLE job_outbox FORCE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON job_outbox TO app_owner USING (true)"
    ),
    "row-level security forced on whom it does not apply to": "ALTER TABLE job_outbox FORCE ROW LEVEL SECURITY",
    "a decoy schema": DECOY,
    "quoted, reordered, differently spelled": REORDERED,
    "an index under another name": "ALTER INDEX idx_job_outbox_cleanup RENAME TO anything",
    "an index with included columns": (
        "DROP INDEX idx_job_outbox_unprocessed; "
        "CREATE INDEX idx_job_outbox_unprocessed ON job_outbox (created_at) INCLUDE (attempts) "
        "WHERE (processed_at IS NULL)"
    ),
    "an invalid index beside a valid one": (
        "CREATE INDEX again ON job_outbox (entity_id);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'again'::regclass"
    ),
    "no path to search": f"ALTER FUNCTION {RPC} SET search_path = ''",
    "another safe path": f"ALTER FUNCTION {RPC} SET search_path = public, auth, pg_temp",
    "row security off inside the RPC": f"ALTER FUNCTION {RPC} SET row_security = off",
    "everybody may call": f"GRANT EXECUTE ON FUNCTION {RPC} TO PUBLIC; REVOKE ALL ON FUNCTION {RPC} FROM authenticated",
    "Sunday by another name": "UPDATE cron.job SET schedule = '00 02  * * sun' WHERE jobname ~ 'old_outbox'",
    "a job that deletes by itself": (
        "UPDATE cron.job SET command = 'DELETE FROM public.idempotency_keys WHERE expires_at < now()' "
        "WHERE jobname ~ 'idempotency'"
    ),
    "the same job of another role, broken": (
        "INSERT INTO cron.job (jobname, schedule, command, username, active) "
        "SELECT jobname, '1 1 1 1 1', 'SELECT 1', 'somebody', false FROM cron.job"
    ),
    "runs that succeeded after one that failed": (
        "INSERT INTO cron.job_run_details (jobid, status, start_time, end_time) "
        "SELECT jobid, s, NOW() - a, NOW() - a FROM cron.job, "
        "(VALUES ('failed', INTERVAL '2 hours'), ('succeeded', INTERVAL '1 hour'), ('running', NULL)) AS run (s, a) "
        "ORDER BY a DESC NULLS LAST"
    ),
    "later migrations": (
        "INSERT INTO supabase_migrations.schema_migrations (version, name) VALUES ('20260101000000', 'later')"
    ),
    "triggers and comments": "COMMENT ON TABLE job_outbox IS 'x'; ALTER TABLE job_outbox REPLICA IDENTITY FULL",
    "another interval style": "ALTER DATABASE {database} SET intervalstyle = 'iso_8601'",
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted_variants_are_ok(database, case):
    """Every check is ok, none unknown."""
    database.execute(ACCEPTED[case].replace("{database}", database.name))
    assert broken_checks(database) == set()


def test_the_deployed_variant_is_ok_with_warnings(deployed_database):
    """The differences of the deployed migration are warnings, which do not change the exit status."""
    report = run_verify(deployed_database)
    assert report.answer is CheckAnswer.OK
    warned = {(warning.subject, warning.text.split(":")[0]) for warning in report.warnings}
    assert {
        ("fsm_events", "no index begins with created_at"),
        (RPC, "SECURITY DEFINER, and public and anon may call it"),
        *((name, "SECURITY DEFINER, and search_path is not pinned") for name in expected.JOB_NAMES),
    } <= warned


def test_the_deployed_variant_is_ok_for_its_owner(deployed_database):
    """A role without superuser that owns the tables and the history and scheduled the jobs."""
    with role(deployed_database) as owner:
        for table in expected.TABLE_NAMES:
            allow(deployed_database, f"ALTER TABLE {table} OWNER TO {{role}}", owner)
        allow(deployed_database, "ALTER TABLE supabase_migrations.schema_migrations OWNER TO {role}", owner)
        allow(deployed_database, "GRANT USAGE ON SCHEMA supabase_migrations, cron TO {role}", owner)
        deployed_database.execute("UPDATE cron.job SET username = %s", (owner,))
        report = run_verify(deployed_database, owner)
        assert report.answer is CheckAnswer.OK, [each for each in report.findings if each.answer is not CheckAnswer.OK]


WARNED: dict[str, tuple[str, str]] = {
    "anybody may create": ("GRANT CREATE ON SCHEMA public TO PUBLIC", "may create objects"),
    "two functions answer": (
        NINE_PARAMETER_RPC.replace("DROP FUNCTION initialize_fsm_with_outbox;", "").replace(
            "GRANT EXECUTE ON FUNCTION initialize_fsm_with_outbox TO service_role, authenticated;",
            "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO service_role, authenticated;",
        ),
        "ambiguous",
    ),
    "a column that must be filled": ("ALTER TABLE job_outbox ADD must TEXT NOT NULL", "must be filled"),
    "a policy under a condition": (
        "CREATE POLICY later ON job_outbox FOR SELECT TO authenticated USING (entity_id = auth.uid())",
        "entity_id = auth.uid()",
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_warnings(database, case):
    """The answer is ok, and the warning is reported."""
    statement, text = WARNED[case]
    database.execute(statement)
    report = run_verify(database)
    assert report.answer is CheckAnswer.OK
    assert [warning for warning in report.warnings if text in warning.text]


TYPES = "UUID, UUID, UUID, TEXT, TEXT, TEXT, JSONB, JSONB"


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
    "anonymous users read rows without an owner": policy(
        "fsm_events", "fsm_events_user_read", "FOR SELECT USING (auth.uid() IS NOT DISTINCT FROM user_id)"
    ),
    "signed-in users read jobs": policy("job_outbox", "job_outbox_system_only", "USING (auth.uid() IS NOT NULL)"),
    "signed-in users read keys, too": (
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
    "the documented roles may not call": (f"REVOKE EXECUTE ON FUNCTION {RPC} FROM authenticated", {f"{RPC}.execute"}),
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
    # history and dependencies
    "tables not recorded": (
        "DELETE FROM supabase_migrations.schema_migrations WHERE version = '20251118094238'",
        {"register.20251118094238", "register.order"},
    ),
    "RPC not recorded": (
        "DELETE FROM supabase_migrations.schema_migrations WHERE version = '20251118095804'",
        {"register.20251118095804"},
    ),
    "recorded as another version": (
        "UPDATE supabase_migrations.schema_migrations SET version = '20251118120000' WHERE version = '20251118095804'",
        {"register.20251118095804"},
    ),
    "row-level security forced on an owner without BYPASSRLS": (
        f"{OWNED_BY_ORDINARY_ROLE} ALTER TABLE job_outbox FORCE ROW LEVEL SECURITY",
        {"job_outbox.row_security"},
    ),
    "functions of another owner": (
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
def test_each_deviation_is_reported_by_exactly_the_checks_concerned(database, case):
    """No other check is broken."""
    statement, concerned = CASES[case]
    database.execute(statement)
    assert broken_checks(database) == concerned


def test_every_check_is_broken_by_at_least_one_case(database):
    """No check exists that cannot fail."""
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
def test_constraints_that_are_not_in_force_are_reported_and_corrected(embedded_database, case):
    """An existing constraint that is not enforced or validated is broken; the printed statement puts it in force."""
    statement, concerned = NEWER[case]
    embedded_database.execute(statement)
    assert broken_checks(embedded_database) == concerned
    apply_remedies(embedded_database)
    assert broken_checks(embedded_database) == set()
