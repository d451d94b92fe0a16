-- The backlog: of twenty jobs one is exhausted and days old, two are failing, and the others are waiting.
-- As wide as in traffic_jobs.sql, for the reason given there.
-- Parameters: rows bigint; rate bigint (jobs per hour: how long the line has been growing); courses bigint
INSERT INTO public.job_outbox
  (entity_id, queue_name, job_data, job_options, created_at, attempts, last_error, last_attempt_at)
SELECT
  ('00000000-0000-4000-8000-' || lpad(to_hex(mod(number * 7919, %(courses)s::bigint)), 12, '0'))::uuid,
  (ARRAY['document-processing', 'structure-analysis', 'lesson-generation', 'summary'])[1 + mod(number, 4)],
  '{"courseId": "00000000-0000-4000-8000-000000000000", "organizationId": "00000000-0000-4000-8002-000000000000",
    "stage": 2, "language": "en", "requestedBy": "api"}'::jsonb,
  '{"attempts": 3}'::jsonb,
  CASE
    WHEN mod(number, 20) = 0 THEN now() - INTERVAL '10 days' * (1 - number::double precision / %(rows)s::bigint)
    ELSE now() - INTERVAL '1 hour' * ((%(rows)s::bigint - number)::double precision / %(rate)s::bigint)
  END,
  CASE WHEN mod(number, 20) = 0 THEN 7 WHEN mod(number, 10) = 1 THEN 2 ELSE 0 END,
  CASE WHEN mod(number, 20) = 0 OR mod(number, 10) = 1 THEN 'queue refused the job' END,
  CASE WHEN mod(number, 20) = 0 OR mod(number, 10) = 1 THEN now() - random() * INTERVAL '2 hours' END
FROM generate_series(0, %(rows)s::bigint - 1) AS number;
