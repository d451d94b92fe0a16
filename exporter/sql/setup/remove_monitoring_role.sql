-- ============================================================================
-- Remove the monitoring role of outbox-exporter
-- Purpose: takes back everything that monitoring_role.sql and use_bypassrls.sql did
-- Date: 2025-11-25
-- Dependencies: none; what is not there is passed over, tables that were rolled back included
--
-- Run as: whoever ran monitoring_role.sql. Stop the exporter first: its connection would live on until it is closed.
-- Again: runs any number of times.
-- Refuses: when the role was granted more than those scripts grant, here or in another database. PostgreSQL's message
--   then names what holds it; nothing was changed.
-- ============================================================================

BEGIN;

-- As in monitoring_role.sql: do not make the application wait for us.
SET LOCAL lock_timeout = '3s';

-- ---------------------------------------------------------------------------- RLS

DROP POLICY IF EXISTS outbox_monitor_read ON public.job_outbox;
DROP POLICY IF EXISTS outbox_monitor_read ON public.idempotency_keys;
DROP POLICY IF EXISTS outbox_monitor_read ON public.fsm_events;

-- ---------------------------------------------------------------------------- Permissions and role

DO $$
DECLARE
  v_table TEXT;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'outbox_monitor') THEN
    RETURN;
  END IF;
  FOREACH v_table IN ARRAY ARRAY['job_outbox', 'idempotency_keys', 'fsm_events'] LOOP
    IF to_regclass(format('public.%I', v_table)) IS NOT NULL THEN
      -- Privileges on the table's columns go with those on the table.
      EXECUTE format('REVOKE ALL ON TABLE public.%I FROM outbox_monitor', v_table);
    END IF;
  END LOOP;
  REVOKE ALL ON SCHEMA public FROM outbox_monitor;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM outbox_monitor', current_database());
  -- Its settings and its comment go with it.
  DROP ROLE outbox_monitor;
END
$$;

COMMIT;
