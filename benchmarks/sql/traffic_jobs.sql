-- New jobs of random courses; returns their ids.
-- Parameters: rows bigint; courses bigint
INSERT INTO public.job_outbox (entity_id, queue_name, job_data, job_options)
SELECT
  ('00000000-0000-4000-8000-' || lpad(to_hex(floor(random() * %(courses)s::bigint)::bigint), 12, '0'))::uuid,
  (ARRAY['document-processing', 'structure-analysis', 'lesson-generation', 'summary'])[1 + mod(number, 4)],
  '{"courseId": "00000000-0000-4000-8000-000000000000"}',
  '{"attempts": 3}'
FROM generate_series(1, %(rows)s::bigint) AS number
RETURNING outbox_id;
