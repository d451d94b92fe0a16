"""Statements and names of checks that several tests of `verify` share."""

from __future__ import annotations

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

# The owner of all objects is no superuser, as on a self-hosted server.
OWNED_BY_ORDINARY_ROLE = (
    "DO $$ BEGIN IF to_regrole('app_owner') IS NULL THEN CREATE ROLE app_owner; END IF; END $$;"
    "ALTER TABLE job_outbox OWNER TO app_owner; ALTER TABLE idempotency_keys OWNER TO app_owner;"
    "ALTER TABLE fsm_events OWNER TO app_owner; ALTER FUNCTION initialize_fsm_with_outbox OWNER TO app_owner;"
    "ALTER FUNCTION cleanup_expired_idempotency_keys OWNER TO app_owner;"
    "ALTER FUNCTION cleanup_old_outbox_entries OWNER TO app_owner;"
)

RPC = "initialize_fsm_with_outbox"
KEYS_JOB, OUTBOX_JOB = "cleanup_expired_idempotency_keys", "cleanup_old_outbox_entries"

# Checks of pg_cron's tables and of the migration history, which a role without privileges cannot read.
CRON_CHECKS = {
    "cron.cleanup_expired_idempotency_keys",
    "cron.cleanup_expired_idempotency_keys.runs",
    "cron.cleanup_old_outbox_entries",
    "cron.cleanup_old_outbox_entries.runs",
}
HISTORY_CHECKS = {"register.20251118094238", "register.20251118095804", "register.order"}
RECORD_CHECKS = CRON_CHECKS | HISTORY_CHECKS

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

# Each is neither as documented nor certainly different.
NOT_UNDERSTOOD = {
    "a check in other words": (
        (
            "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_created_by_check, "
            "ADD CHECK (created_by ~ '^(API|QUEUE|WORKER)$')"
        ),
        "fsm_events.created_by.check",
    ),
    "a policy with more in it": (
        (
            "DROP POLICY fsm_events_user_read ON fsm_events; CREATE POLICY fsm_events_user_read ON fsm_events "
            "FOR SELECT USING (user_id = auth.uid() OR event_type = 'PUBLIC')"
        ),
        "fsm_events.policy.fsm_events_user_read",
    ),
    "a body that is no text": (
        (
            "CREATE OR REPLACE FUNCTION cleanup_old_outbox_entries() RETURNS INTEGER LANGUAGE sql SECURITY DEFINER "
            "BEGIN ATOMIC DELETE FROM job_outbox WHERE false; SELECT 1; END"
        ),
        "cleanup_old_outbox_entries.body",
    ),
}
