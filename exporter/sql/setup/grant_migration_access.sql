-- ============================================================================
-- Monitoring role for outbox-exporter: the migration's own records (optional)
-- Purpose: lets the role see which migrations are applied and whether the two clean-up jobs run, and nothing else of them
-- Date: 2026-11-30
-- Dependencies: monitoring_role.sql, run before; the migration history and pg_cron, as far as they are there
--
-- Needed for: watch.start: migration, which waits for the migration history; `verify` under this role, which calls what it cannot
--   see unknown (exit status 3); the checks register.* and cron.* of outbox_migration_check_ok.
-- Run as: the owner of supabase_migrations.schema_migrations and of pg_cron's tables, or a superuser, in the database in
--   which pg_cron is installed. Managed PostgreSQL may keep pg_cron's tables to itself: that part is then left out, with
--   a notice, and the checks cron.* stay unknown under this role. Run `verify` as the owner of the jobs there.
-- Again: runs any number of times, also after pg_cron was installed or a table made; ends in the same state each time.
-- Undo: remove_monitoring_role.sql; then monitoring_role.sql makes the role again, without this.
-- Not with: use_bypassrls.sql. Whoever bypasses row-level security and may use the schema cron sees every job of
--   everybody, with its command. The part about pg_cron is left out then, with a notice.
-- Lets in, too: USAGE on the schema cron is also what it takes to call cron.schedule(), for jobs that run as this role and
--   may do what this role may.
-- Change before running, if they differ: the role's name (outbox_monitor) and the names of the two jobs, everywhere.
-- ============================================================================

BEGIN;

-- As in monitoring_role.sql: give up rather than make others wait, or cancel them by a deadlock.
SET LOCAL lock_timeout = '500ms';

-- ---------------------------------------------------------------------------- Register of migrations

-- Versions and names; the statements of the migrations stay out of reach.
DO $$
DECLARE
  v_row_security BOOLEAN;
BEGIN
  -- In the catalogue: to_regclass refuses to answer whoever may not use the schema.
  SELECT c.relrowsecurity INTO v_row_security
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = 'supabase_migrations' AND c.relname = 'schema_migrations';
  IF NOT FOUND THEN
    RAISE NOTICE 'there is no supabase_migrations.schema_migrations in this database';
    RETURN;
  END IF;
  GRANT USAGE ON SCHEMA supabase_migrations TO outbox_monitor;
  REVOKE ALL ON TABLE supabase_migrations.schema_migrations FROM outbox_monitor;
  GRANT SELECT (version, name) ON supabase_migrations.schema_migrations TO outbox_monitor;
  DROP POLICY IF EXISTS outbox_monitor_read ON supabase_migrations.schema_migrations;
  IF v_row_security THEN
    CREATE POLICY outbox_monitor_read ON supabase_migrations.schema_migrations
      FOR SELECT TO outbox_monitor USING (true);
  END IF;
END
$$;

-- ---------------------------------------------------------------------------- pg_cron

-- pg_cron shows a role its own jobs, and lets PUBLIC read every column of them: a policy decides what is seen, not a
-- grant. This one admits the two clean-ups and their runs. Commands of other jobs, which may hold passwords, stay hidden.
DO $$
BEGIN
  IF (SELECT count(*) < 2 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = 'cron' AND c.relname IN ('job', 'job_run_details')) THEN
    RAISE NOTICE 'pg_cron is not in this database';
    RETURN;
  END IF;
  IF (SELECT rolbypassrls FROM pg_roles WHERE rolname = 'outbox_monitor') THEN
    RAISE NOTICE 'outbox_monitor bypasses row-level security and would see every job: nothing of pg_cron is opened to it';
    RETURN;
  END IF;
  DROP POLICY IF EXISTS outbox_monitor_read ON cron.job;
  CREATE POLICY outbox_monitor_read ON cron.job FOR SELECT TO outbox_monitor
    USING (CAST(jobname AS text) IN ('cleanup_expired_idempotency_keys', 'cleanup_old_outbox_entries'));
  DROP POLICY IF EXISTS outbox_monitor_read ON cron.job_run_details;
  CREATE POLICY outbox_monitor_read ON cron.job_run_details FOR SELECT TO outbox_monitor
    USING (jobid IN (
      SELECT job.jobid FROM cron.job
      WHERE CAST(job.jobname AS text) IN ('cleanup_expired_idempotency_keys', 'cleanup_old_outbox_entries')
    ));
  GRANT USAGE ON SCHEMA cron TO outbox_monitor;
  -- For where PUBLIC was denied them.
  GRANT SELECT (jobid, jobname, schedule, command, username, active, database) ON cron.job TO outbox_monitor;
  GRANT SELECT (jobid, runid, status, return_message, start_time, end_time) ON cron.job_run_details TO outbox_monitor;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'nothing of pg_cron is opened to outbox_monitor: % (only the owner of its tables may do that)', SQLERRM;
END
$$;

COMMIT;
