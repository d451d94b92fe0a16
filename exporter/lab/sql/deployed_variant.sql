-- ============================================================================
-- The deployed variant
-- Purpose: changes the documented schema to the deployed one
-- Applied by: exporter/lab/migrate.py after the two migrations, for Schema.DEPLOYED
-- Source: deployed-application.md, "Tables"
-- ============================================================================

-- Two indexes on fsm_events instead of three: "last hour" queries have none to use.
DROP INDEX IF EXISTS public.idx_fsm_events_created;

-- The deployed migration revokes nothing, so every role may call the function.
GRANT EXECUTE ON FUNCTION public.initialize_fsm_with_outbox(UUID, UUID, UUID, TEXT, TEXT, TEXT, JSONB, JSONB)
  TO PUBLIC;

-- The deployed clean-up functions are SECURITY DEFINER without a pinned search_path.
ALTER FUNCTION public.cleanup_expired_idempotency_keys() RESET search_path;
ALTER FUNCTION public.cleanup_old_outbox_entries() RESET search_path;

-- The deployed policy of events lets the service read them by its token, too.
DROP POLICY IF EXISTS fsm_events_user_read ON public.fsm_events;
CREATE POLICY fsm_events_user_read ON public.fsm_events
  FOR SELECT USING (auth.uid() = user_id OR auth.jwt() ->> 'role' = 'service_role');
