-- New idempotency keys of random courses.
-- As wide as in keys.sql: see traffic_jobs.sql.
-- Parameters: rows bigint; courses bigint
INSERT INTO public.idempotency_keys (key, result, expires_at, entity_id)
SELECT
  'generation-' || gen_random_uuid(),
  '{"fsmState": {"entity_id": "00000000-0000-4000-8000-000000000000", "state": "stage_2_init", "version": 1},
    "outboxEntries": []}',
  now() + INTERVAL '48 hours',
  ('00000000-0000-4000-8000-' || lpad(to_hex(floor(random() * %(courses)s::bigint)::bigint), 12, '0'))::uuid
FROM generate_series(1, %(rows)s::bigint) AS number;
