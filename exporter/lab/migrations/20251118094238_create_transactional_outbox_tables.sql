-- ============================================================================
-- Create transactional outbox tables
-- Purpose: job_outbox (jobs to hand to BullMQ), idempotency_keys (request deduplication) and
--          fsm_events (audit trail), so that one transaction records a state and the jobs that follow from it
-- Date: 2025-11-18
-- Dependencies: courses, auth.users (existing); pg_cron where the clean-up shall run by itself
--
-- Runs again without harm. The indexes are not built CONCURRENTLY: that cannot happen inside a transaction,
-- and the tables are new and empty when it matters.
-- ============================================================================

-- ---------------------------------------------------------------------------- Tables

CREATE TABLE IF NOT EXISTS public.job_outbox (
  outbox_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  entity_id UUID NOT NULL REFERENCES public.courses(id) ON DELETE CASCADE,
  queue_name VARCHAR(100) NOT NULL,
  job_data JSONB NOT NULL DEFAULT '{}',
  job_options JSONB NOT NULL DEFAULT '{}',
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  processed_at TIMESTAMPTZ DEFAULT NULL,
  attempts INT NOT NULL DEFAULT 0,
  last_error TEXT DEFAULT NULL,
  last_attempt_at TIMESTAMPTZ DEFAULT NULL
);

CREATE TABLE IF NOT EXISTS public.idempotency_keys (
  key VARCHAR(255) PRIMARY KEY,
  result JSONB NOT NULL DEFAULT '{}',
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  expires_at TIMESTAMPTZ NOT NULL DEFAULT (NOW() + INTERVAL '24 hours'),
  entity_id UUID REFERENCES public.courses(id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS public.fsm_events (
  event_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  entity_id UUID NOT NULL REFERENCES public.courses(id) ON DELETE CASCADE,
  event_type VARCHAR(50) NOT NULL,
  event_data JSONB NOT NULL DEFAULT '{}',
  created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
  created_by VARCHAR(20) NOT NULL CHECK (created_by IN ('API', 'QUEUE', 'WORKER')),
  user_id UUID DEFAULT NULL REFERENCES auth.users(id) ON DELETE SET NULL
);

-- ---------------------------------------------------------------------------- Indexes

-- The processor's poll: the oldest unprocessed rows.
CREATE INDEX IF NOT EXISTS idx_job_outbox_unprocessed ON public.job_outbox (created_at)
  WHERE processed_at IS NULL;
-- The cascade from courses.
CREATE INDEX IF NOT EXISTS idx_job_outbox_entity ON public.job_outbox (entity_id);
-- Retention: the longest processed rows.
CREATE INDEX IF NOT EXISTS idx_job_outbox_cleanup ON public.job_outbox (processed_at)
  WHERE processed_at IS NOT NULL;

-- Clean-up of expired keys.
CREATE INDEX IF NOT EXISTS idx_idempotency_expires ON public.idempotency_keys (expires_at);
-- The cascade from courses.
CREATE INDEX IF NOT EXISTS idx_idempotency_entity ON public.idempotency_keys (entity_id);

-- The history of one course, newest first; the cascade from courses.
CREATE INDEX IF NOT EXISTS idx_fsm_events_entity ON public.fsm_events (entity_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_fsm_events_type ON public.fsm_events (event_type);
-- "What happened in the last hour", the monitoring queries of the guide.
CREATE INDEX IF NOT EXISTS idx_fsm_events_created ON public.fsm_events (created_at);

-- ---------------------------------------------------------------------------- RLS

-- Only roles that bypass row-level security, and functions of the owner, see outbox and keys.
ALTER TABLE public.job_outbox ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS job_outbox_system_only ON public.job_outbox;
CREATE POLICY job_outbox_system_only ON public.job_outbox FOR ALL USING (false);

ALTER TABLE public.idempotency_keys ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS idempotency_keys_system_only ON public.idempotency_keys;
CREATE POLICY idempotency_keys_system_only ON public.idempotency_keys FOR ALL USING (false);

-- A user reads the events that they caused; nobody writes events past the system.
ALTER TABLE public.fsm_events ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS fsm_events_user_read ON public.fsm_events;
CREATE POLICY fsm_events_user_read ON public.fsm_events FOR SELECT USING (user_id = auth.uid());
DROP POLICY IF EXISTS fsm_events_system_write ON public.fsm_events;
CREATE POLICY fsm_events_system_write ON public.fsm_events FOR INSERT WITH CHECK (false);

-- ---------------------------------------------------------------------------- Functions

-- Deletes idempotency keys past their expiry; returns how many.
CREATE OR REPLACE FUNCTION public.cleanup_expired_idempotency_keys() RETURNS INTEGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_deleted INTEGER;
BEGIN
  DELETE FROM public.idempotency_keys WHERE expires_at < NOW();
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END
$$;

-- Deletes jobs processed more than 30 days ago; returns how many. Pending jobs stay, however old.
CREATE OR REPLACE FUNCTION public.cleanup_old_outbox_entries() RETURNS INTEGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  v_deleted INTEGER;
BEGIN
  DELETE FROM public.job_outbox WHERE processed_at < NOW() - INTERVAL '30 days';
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END
$$;

-- ---------------------------------------------------------------------------- Schedule (UTC)

-- Scheduling a name again replaces its schedule and command. Without pg_cron somebody else must call these.
DO $$
BEGIN
  IF to_regclass('cron.job') IS NULL THEN
    RAISE NOTICE 'pg_cron is not installed here: the clean-up functions are not scheduled';
  ELSE
    PERFORM cron.schedule('cleanup_expired_idempotency_keys', '0 3 * * *',
                          'SELECT public.cleanup_expired_idempotency_keys()');
    PERFORM cron.schedule('cleanup_old_outbox_entries', '0 2 * * 0',
                          'SELECT public.cleanup_old_outbox_entries()');
  END IF;
END
$$;

-- ---------------------------------------------------------------------------- Permissions

GRANT SELECT, INSERT, UPDATE, DELETE ON public.job_outbox, public.idempotency_keys, public.fsm_events
  TO service_role;
GRANT SELECT ON public.fsm_events TO authenticated;

REVOKE ALL ON FUNCTION public.cleanup_expired_idempotency_keys(), public.cleanup_old_outbox_entries()
  FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION public.cleanup_expired_idempotency_keys(), public.cleanup_old_outbox_entries()
  TO service_role;

-- ---------------------------------------------------------------------------- Comments

COMMENT ON TABLE public.job_outbox IS
  'Transactional outbox: jobs written in the transaction that caused them, handed to BullMQ by the outbox processor';
COMMENT ON COLUMN public.job_outbox.created_at IS 'When the job was asked for, by the clock of the database';
COMMENT ON COLUMN public.job_outbox.processed_at IS
  'When the job was handed over, by the clock of the application; NULL while it is pending';
COMMENT ON COLUMN public.job_outbox.attempts IS 'How often handing over failed for good; a row with attempts is retried on every poll';
COMMENT ON COLUMN public.job_outbox.last_error IS 'The latest failure; kept when a later attempt succeeds';

COMMENT ON TABLE public.idempotency_keys IS
  'Results of earlier requests, so that a repeated request gets its first answer and does nothing';
COMMENT ON COLUMN public.idempotency_keys.expires_at IS
  'When the daily clean-up may delete the key; until it is deleted it still answers';

COMMENT ON TABLE public.fsm_events IS 'Audit trail of the course generation state machine; never pruned';
COMMENT ON COLUMN public.fsm_events.created_by IS 'Which part of the system wrote it: API, QUEUE or WORKER';

COMMENT ON FUNCTION public.cleanup_expired_idempotency_keys() IS
  'Deletes expired idempotency keys; daily at 03:00 UTC by pg_cron';
COMMENT ON FUNCTION public.cleanup_old_outbox_entries() IS
  'Deletes jobs processed more than 30 days ago; Sundays at 02:00 UTC by pg_cron';
