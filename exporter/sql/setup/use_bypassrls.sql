-- ============================================================================
-- Monitoring role for outbox-exporter: the other way in
-- Purpose: lets the role see all rows by an attribute of its own instead of by policies on the tables
-- Date: 2025-11-25
-- Dependencies: monitoring_role.sql, run before
--
-- Run as: a superuser who may alter the tables; on PostgreSQL 16 and later also a role with CREATEROLE and BYPASSRLS
--   that owns them. Managed PostgreSQL before 16 offers neither: stay with the policies there.
-- Which to choose: BYPASSRLS holds in every table of every database of the cluster, present and future. Here that
--   means little, since the role can read the granted columns of three tables and nothing else; but each later grant
--   to it means all rows. The policies hold for the three tables alone. So the role is not let near pg_cron's jobs any
--   more, whose commands it would see (grant_migration_access.sql): the checks cron.* are unknown to it.
-- Again: runs any number of times.
-- Undo: monitoring_role.sql goes back to the policies; remove_monitoring_role.sql removes everything.
-- ============================================================================

BEGIN;

-- As in monitoring_role.sql: give up rather than make others wait, or cancel them by a deadlock.
SET LOCAL lock_timeout = '500ms';

-- ---------------------------------------------------------------------------- Role

ALTER ROLE outbox_monitor BYPASSRLS;

-- ---------------------------------------------------------------------------- RLS

DROP POLICY IF EXISTS outbox_monitor_read ON public.job_outbox;
DROP POLICY IF EXISTS outbox_monitor_read ON public.idempotency_keys;
DROP POLICY IF EXISTS outbox_monitor_read ON public.fsm_events;

-- ---------------------------------------------------------------------------- pg_cron

-- Only where grant_migration_access.sql left something: of tables of others only their owner may take anything back.
DO $$
DECLARE
  v_table TEXT;
BEGIN
  FOR v_table IN
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_policy AS p
    JOIN pg_class AS c ON c.oid = p.polrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE p.polname = 'outbox_monitor_read' AND n.nspname = 'cron'
  LOOP
    EXECUTE format('DROP POLICY outbox_monitor_read ON %s', v_table);
    EXECUTE format('REVOKE ALL ON TABLE %s FROM outbox_monitor', v_table);
    REVOKE ALL ON SCHEMA cron FROM outbox_monitor;
  END LOOP;
END
$$;

COMMIT;
