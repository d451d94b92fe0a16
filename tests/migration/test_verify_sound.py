"""What is harmless is called sound: extras, other spellings, decoys, the deployed variant."""

from __future__ import annotations

import pytest

from exporter.migration import expected
from exporter.migration.report import CheckAnswer
from tests.database.roles import allow, role
from tests.migration.partitioned import PARTITIONED
from tests.migration.test_verify_broken import OWNED_BY_ORDINARY_ROLE
from tests.migration.verification import broken_checks, run_verify

RPC = "initialize_fsm_with_outbox"

NINE_PARAMETER_RPC = """
    DO $move$
    DECLARE body TEXT := pg_get_functiondef('initialize_fsm_with_outbox'::regproc);
    BEGIN
      DROP FUNCTION initialize_fsm_with_outbox;
      EXECUTE replace(body, 'p_metadata jsonb DEFAULT ''{}''::jsonb',
                      'p_metadata jsonb DEFAULT ''{}''::jsonb, p_target_queue text DEFAULT NULL');
    END $move$;
    GRANT EXECUTE ON FUNCTION initialize_fsm_with_outbox TO service_role, authenticated;
    ALTER TABLE job_outbox ADD COLUMN target_queue TEXT;
"""
DECOY = """
    CREATE SCHEMA decoy;
    CREATE TABLE decoy.job_outbox (outbox_id INT);
    CREATE TABLE decoy.idempotency_keys (key TEXT);
    CREATE TABLE decoy.fsm_events (event_id BIGINT, created_by TEXT CHECK (created_by = 'X'));
    CREATE TABLE decoy.courses (id INT);
    CREATE INDEX idx_job_outbox_entity ON decoy.job_outbox (outbox_id);
    CREATE POLICY job_outbox_system_only ON decoy.job_outbox USING (true);
    CREATE FUNCTION decoy.initialize_fsm_with_outbox() RETURNS INT LANGUAGE sql AS 'SELECT 1';
    ALTER DATABASE {database} SET search_path = decoy, public;
"""
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
CASES: dict[str, str] = {
    "nothing": "SELECT 1",
    "partitions by month": PARTITIONED,
    "partitions that nobody from outside may name": (
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


@pytest.mark.parametrize("case", CASES)
def test_harmless_extras_are_not_called_broken(database, case):
    """Everything is ok, nothing unknown."""
    database.execute(CASES[case].replace("{database}", database.name))
    assert broken_checks(database) == set()


def test_the_deployed_variant_is_sound_with_warnings(deployed_database):
    """What the deployed migration leaves open is a warning: it works, and exit status stays 0."""
    report = run_verify(deployed_database)
    assert report.answer is CheckAnswer.OK
    warned = {(warning.subject, warning.text.split(":")[0]) for warning in report.warnings}
    assert {
        ("fsm_events", "no index begins with created_at"),
        (RPC, "SECURITY DEFINER, and public and anon may call it"),
        *((name, "SECURITY DEFINER, and search_path is not pinned") for name in expected.JOB_NAMES),
    } <= warned


def test_the_owner_finds_the_deployed_variant_sound(deployed_database):
    """Who applied the migrations, and no superuser: owns the tables and the register, and scheduled the jobs."""
    with role(deployed_database) as owner:
        for table in expected.TABLE_NAMES:
            allow(deployed_database, f"ALTER TABLE {table} OWNER TO {{role}}", owner)
        allow(deployed_database, "ALTER TABLE supabase_migrations.schema_migrations OWNER TO {role}", owner)
        allow(deployed_database, "GRANT USAGE ON SCHEMA supabase_migrations, cron TO {role}", owner)
        deployed_database.execute("UPDATE cron.job SET username = %s", (owner,))
        report = run_verify(deployed_database, owner)
        assert report.answer is CheckAnswer.OK, [each for each in report.findings if each.answer is not CheckAnswer.OK]


def test_a_documented_database_has_no_warning_of_security(database):
    """The documented migration pins and revokes."""
    assert not [warning for warning in run_verify(database).warnings if "SECURITY" in warning.text]


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
def test_doubtful_things_are_warned_of(database, case):
    """Sound, but said."""
    statement, text = WARNED[case]
    database.execute(statement)
    report = run_verify(database)
    assert report.answer is CheckAnswer.OK
    assert [warning for warning in report.warnings if text in warning.text]


def test_a_clean_up_of_events_ends_the_warning(embedded_database):
    """As long as no clean-up covers fsm_events that is said."""
    texts = {warning.text for warning in run_verify(embedded_database).warnings}
    assert any("grows for ever" in text for text in texts)
    embedded_database.execute("SELECT cron.schedule('events', '0 4 * * *', 'DELETE FROM fsm_events WHERE false')")
    assert not any("grows for ever" in warning.text for warning in run_verify(embedded_database).warnings)


def test_the_schema_is_the_configured_one(database):
    """A schema with a capital in its name, with everything in it, is sound; the empty public is not."""
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


def test_a_decoy_is_no_substitute(database):
    """The same names in another schema do not count."""
    database.execute(DECOY.replace("{database}", database.name))
    assert {"job_outbox.columns", "job_outbox.row_security", f"{RPC}.signature"} < broken_checks(
        database, schema="decoy"
    )
