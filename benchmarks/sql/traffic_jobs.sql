-- New jobs of random courses; returns their ids.
-- As wide as the jobs that are there, and a bit wider while pending: a narrower row would fit into what vacuum found
-- free at the end of each page, and what is written now would be strewn over the whole table.
-- Parameters: rows bigint; courses bigint
INSERT INTO public.job_outbox (entity_id, queue_name, job_data, job_options)
SELECT
  ('00000000-0000-4000-8000-' || lpad(to_hex(floor(random() * %(courses)s::bigint)::bigint), 12, '0'))::uuid,
  (ARRAY['document-processing', 'structure-analysis', 'lesson-generation', 'summary'])[1 + mod(number, 4)],
  '{"courseId": "00000000-0000-4000-8000-000000000000", "organizationId": "00000000-0000-4000-8002-000000000000",
    "stage": 2, "language": "en", "requestedBy": "api"}',
  '{"attempts": 3}'
FROM generate_series(1, %(rows)s::bigint) AS number
RETURNING outbox_id;
