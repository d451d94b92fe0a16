-- ============================================================================
-- Create RPC initialize_fsm_with_outbox
-- Purpose: starts the generation of a course in one transaction: state, outbox jobs, audit event and
--          idempotency key are all written, or none is
-- Date: 2025-11-18
-- Dependencies: 20251118094238_create_transactional_outbox_tables.sql
--
-- Runs again without harm.
-- ============================================================================

-- ---------------------------------------------------------------------------- Function

-- p_entity_id        the course
-- p_user_id          who asks; a signed-in caller can only ask for themselves
-- p_organization_id  the organisation that owns the course
-- p_idempotency_key  the same key gets the first answer again, whatever else is passed; kept for 48 hours
-- p_initiated_by     API, QUEUE or WORKER; anything else is stored as API
-- p_initial_state    the state to begin in, such as stage_2_init
-- p_job_data         array of {"queue": text, "data": object, "options": object}; may be empty
-- p_metadata         object, copied into the audit event
--
-- Returns {"fsmState": {entity_id, state, version, created_by, created_at},
--          "outboxEntries": [{outbox_id, entity_id, queue_name, created_at}, ...]}, entries in the order of p_job_data.
--
-- Raises invalid_parameter_value (22023) for malformed input, no_data_found (P0002) for an unknown course or user,
-- insufficient_privilege (42501) for somebody else's course, user or key.
CREATE OR REPLACE FUNCTION public.initialize_fsm_with_outbox(
  p_entity_id UUID,
  p_user_id UUID,
  p_organization_id UUID,
  p_idempotency_key TEXT,
  p_initiated_by TEXT,
  p_initial_state TEXT,
  p_job_data JSONB,
  p_metadata JSONB DEFAULT '{}'
) RETURNS JSONB
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
SET row_security = off
AS $$
DECLARE
  v_source CONSTANT TEXT := CASE WHEN p_initiated_by IN ('API', 'QUEUE', 'WORKER') THEN p_initiated_by ELSE 'API' END;
  v_metadata CONSTANT JSONB := COALESCE(p_metadata, '{}');
  v_known public.idempotency_keys%ROWTYPE;
  v_organization_id UUID;
  v_job JSONB;
  v_position BIGINT;
  v_outbox_id UUID;
  v_entries JSONB := '[]';
  v_result JSONB;
BEGIN
  -- Input that can be judged without reading a table.
  IF p_entity_id IS NULL OR p_user_id IS NULL OR p_organization_id IS NULL THEN
    RAISE EXCEPTION 'p_entity_id, p_user_id and p_organization_id must not be NULL'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF COALESCE(p_idempotency_key, '') !~ '\S' OR length(p_idempotency_key) > 255 THEN
    RAISE EXCEPTION 'p_idempotency_key must have 1 to 255 characters and not be blank'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF COALESCE(p_initial_state, '') !~ '\S' THEN
    RAISE EXCEPTION 'p_initial_state must not be blank'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF p_job_data IS NULL OR jsonb_typeof(p_job_data) <> 'array' THEN
    RAISE EXCEPTION 'p_job_data must be a JSON array of jobs'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF jsonb_typeof(v_metadata) <> 'object' THEN
    RAISE EXCEPTION 'p_metadata must be a JSON object'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR v_job, v_position IN SELECT value, ordinality FROM jsonb_array_elements(p_job_data) WITH ORDINALITY LOOP
    IF jsonb_typeof(v_job) <> 'object' THEN
      RAISE EXCEPTION 'job % of p_job_data must be a JSON object', v_position
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_typeof(v_job -> 'queue') IS DISTINCT FROM 'string'
       OR v_job ->> 'queue' !~ '\S' OR length(v_job ->> 'queue') > 100 THEN
      RAISE EXCEPTION 'job % of p_job_data needs a "queue" of 1 to 100 characters', v_position
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF COALESCE(jsonb_typeof(v_job -> 'data'), 'object') <> 'object'
       OR COALESCE(jsonb_typeof(v_job -> 'options'), 'object') <> 'object' THEN
      RAISE EXCEPTION '"data" and "options" of job % of p_job_data must be JSON objects', v_position
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
  END LOOP;

  -- We run with the owner's rights: whom the caller speaks for is ours to check.
  IF auth.uid() IS NOT NULL AND auth.uid() <> p_user_id THEN
    RAISE EXCEPTION 'p_user_id must be the signed-in user'
      USING ERRCODE = 'insufficient_privilege';
  END IF;

  -- The same request twice at the same time: the second waits here for the first, then finds its result.
  PERFORM pg_advisory_xact_lock(hashtextextended('initialize_fsm_with_outbox ' || p_idempotency_key, 0));
  SELECT * INTO v_known FROM public.idempotency_keys WHERE key = p_idempotency_key;
  IF FOUND THEN
    IF v_known.entity_id IS DISTINCT FROM p_entity_id THEN
      RAISE EXCEPTION 'this idempotency key was used for another course'
        USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN v_known.result;
  END IF;

  -- FOR UPDATE: two initialisations of one course happen one after the other.
  SELECT organization_id INTO v_organization_id FROM public.courses WHERE id = p_entity_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'course % does not exist', p_entity_id
      USING ERRCODE = 'no_data_found';
  END IF;
  IF v_organization_id <> p_organization_id THEN
    RAISE EXCEPTION 'course % does not belong to organization %', p_entity_id, p_organization_id
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM FROM auth.users WHERE id = p_user_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'user % does not exist', p_user_id
      USING ERRCODE = 'no_data_found';
  END IF;

  UPDATE public.courses SET generation_status = p_initial_state, updated_at = NOW() WHERE id = p_entity_id;

  FOR v_job IN SELECT value FROM jsonb_array_elements(p_job_data) LOOP
    INSERT INTO public.job_outbox (entity_id, queue_name, job_data, job_options)
    VALUES (p_entity_id, v_job ->> 'queue', COALESCE(v_job -> 'data', '{}'), COALESCE(v_job -> 'options', '{}'))
    RETURNING outbox_id INTO v_outbox_id;
    v_entries := v_entries || jsonb_build_object(
      'outbox_id', v_outbox_id, 'entity_id', p_entity_id, 'queue_name', v_job ->> 'queue', 'created_at', NOW());
  END LOOP;

  INSERT INTO public.fsm_events (entity_id, event_type, event_data, created_by, user_id)
  VALUES (
    p_entity_id,
    'FSM_INITIALIZED',
    jsonb_build_object('state', p_initial_state, 'initiatedBy', p_initiated_by,
                       'jobCount', jsonb_array_length(p_job_data), 'metadata', v_metadata),
    v_source,
    p_user_id
  );

  v_result := jsonb_build_object(
    'fsmState', jsonb_build_object('entity_id', p_entity_id, 'state', p_initial_state, 'version', 1,
                                   'created_by', p_user_id, 'created_at', NOW()),
    'outboxEntries', v_entries
  );

  -- Under REPEATABLE READ a key stored meanwhile is invisible above and collides here: the caller tries again.
  INSERT INTO public.idempotency_keys (key, result, entity_id, expires_at)
  VALUES (p_idempotency_key, v_result, p_entity_id, NOW() + INTERVAL '48 hours');

  RETURN v_result;
END
$$;

-- ---------------------------------------------------------------------------- Permissions

REVOKE ALL ON FUNCTION public.initialize_fsm_with_outbox(UUID, UUID, UUID, TEXT, TEXT, TEXT, JSONB, JSONB)
  FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.initialize_fsm_with_outbox(UUID, UUID, UUID, TEXT, TEXT, TEXT, JSONB, JSONB)
  TO service_role, authenticated;

-- ---------------------------------------------------------------------------- Comments

COMMENT ON FUNCTION public.initialize_fsm_with_outbox(UUID, UUID, UUID, TEXT, TEXT, TEXT, JSONB, JSONB) IS
  'Starts the generation of a course: state, outbox jobs, audit event and idempotency key in one transaction';
