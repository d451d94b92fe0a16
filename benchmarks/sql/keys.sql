-- Idempotency keys, evenly between two moments; the RPC keeps them for 48 hours.
-- Parameters: rows bigint; since, until timestamptz; courses bigint
INSERT INTO public.idempotency_keys (key, result, created_at, expires_at, entity_id)
SELECT
  'generation-' || gen_random_uuid(),
  ('{"fsmState": {"entity_id": "' || course_id || '", "state": "stage_2_init", "version": 1}, "outboxEntries": []}')::jsonb,
  moment,
  moment + INTERVAL '48 hours',
  course_id
FROM (
  SELECT
    ('00000000-0000-4000-8000-' || lpad(to_hex(mod(number * 7919, %(courses)s::bigint)), 12, '0'))::uuid AS course_id,
    %(since)s::timestamptz
      + (%(until)s::timestamptz - %(since)s::timestamptz) * (number::double precision / %(rows)s::bigint) AS moment
  FROM generate_series(0, %(rows)s::bigint - 1) AS number
) AS planned;
