-- Processed jobs, evenly between two moments and in the order of time, as a table fills in life.
-- Parameters: rows bigint; since, until timestamptz; courses bigint
-- Some 30 rows fill a page. Processing takes 0.2 s and an exponentially distributed second.
INSERT INTO public.job_outbox (entity_id, queue_name, job_data, job_options, created_at, processed_at)
SELECT
  course_id,
  (ARRAY['document-processing', 'structure-analysis', 'lesson-generation', 'summary'])[1 + mod(number, 4)],
  ('{"courseId": "' || course_id || '", "organizationId": "00000000-0000-4000-8002-000000000000", "stage": 2}')::jsonb,
  '{"attempts": 3}'::jsonb,
  moment,
  moment + (0.2 - ln(1 - random())) * INTERVAL '1 second'
FROM (
  SELECT
    number,
    ('00000000-0000-4000-8000-' || lpad(to_hex(mod(number * 7919, %(courses)s::bigint)), 12, '0'))::uuid AS course_id,
    %(since)s::timestamptz
      + (%(until)s::timestamptz - %(since)s::timestamptz) * (number::double precision / %(rows)s::bigint) AS moment
  FROM generate_series(0, %(rows)s::bigint - 1) AS number
) AS planned;
