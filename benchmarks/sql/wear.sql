-- Jobs that were pending and then processed, with no vacuum since: each leaves a dead row and dead index entries, among
-- them one in the index of pending jobs, before the oldest that is pending now.
-- As wide as in traffic_jobs.sql, for the reason given there.
-- Places: rows; rate (jobs per hour, until three hours ago); courses
INSERT INTO public.job_outbox (entity_id, queue_name, job_data, job_options, created_at)
SELECT
  ('00000000-0000-4000-8000-' || lpad(to_hex(mod(number * 7919, {courses})), 12, '0'))::uuid,
  'document-processing',
  '{{"courseId": "00000000-0000-4000-8000-000000000000", "organizationId": "00000000-0000-4000-8002-000000000000",
    "stage": 2, "language": "en", "requestedBy": "api"}}',
  '{{"attempts": 3}}',
  now() - INTERVAL '3 hours' - INTERVAL '1 hour' * (({rows} - number)::double precision / {rate})
FROM generate_series(1, {rows}) AS number;
UPDATE public.job_outbox SET processed_at = created_at + INTERVAL '1.2 seconds' WHERE processed_at IS NULL;
