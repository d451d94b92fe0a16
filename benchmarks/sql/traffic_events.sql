-- New events of random courses.
-- Parameters: rows bigint; courses bigint
INSERT INTO public.fsm_events (entity_id, event_type, event_data, created_by)
SELECT
  ('00000000-0000-4000-8000-' || lpad(to_hex(floor(random() * %(courses)s::bigint)::bigint), 12, '0'))::uuid,
  'FSM_INITIALIZED',
  '{"state": "stage_2_init", "initiatedBy": "API", "jobCount": 3, "metadata": {"plan": "standard"}}',
  'API'
FROM generate_series(1, %(rows)s::bigint) AS number;
