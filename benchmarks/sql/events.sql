-- Events, evenly between two moments and in the order of time, written as the RPC writes them.
-- Parameters: rows bigint; since, until timestamptz; courses bigint
INSERT INTO public.fsm_events (entity_id, event_type, event_data, created_at, created_by, user_id)
SELECT
  ('00000000-0000-4000-8000-' || lpad(to_hex(mod(number * 7919, %(courses)s::bigint)), 12, '0'))::uuid,
  (ARRAY['FSM_INITIALIZED', 'FSM_INITIALIZED', 'FSM_INITIALIZED', 'STAGE_STARTED', 'STAGE_FINISHED'])[1 + mod(number, 5)],
  '{"state": "stage_2_init", "initiatedBy": "API", "jobCount": 3, "metadata": {"plan": "standard"}}'::jsonb,
  %(since)s::timestamptz
    + (%(until)s::timestamptz - %(since)s::timestamptz) * (number::double precision / %(rows)s::bigint),
  (ARRAY['API', 'API', 'API', 'API', 'API', 'API', 'QUEUE', 'WORKER'])[1 + mod(number, 8)],
  '00000000-0000-4000-8001-000000000000'
FROM generate_series(0, %(rows)s::bigint - 1) AS number;
