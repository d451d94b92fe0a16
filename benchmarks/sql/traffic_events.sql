-- New events of random courses.
-- As wide as in events.sql: see traffic_jobs.sql.
-- Parameters: rows bigint; courses bigint
INSERT INTO public.fsm_events (entity_id, event_type, event_data, created_by, user_id)
SELECT
  ('00000000-0000-4000-8000-' || lpad(to_hex(floor(random() * %(courses)s::bigint)::bigint), 12, '0'))::uuid,
  'FSM_INITIALIZED',
  '{"state": "stage_2_init", "initiatedBy": "API", "jobCount": 3, "metadata": {"plan": "standard"}}',
  'API',
  '00000000-0000-4000-8001-000000000000'
FROM generate_series(1, %(rows)s::bigint) AS number;
