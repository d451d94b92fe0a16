-- The processor hands these jobs over.
-- Parameters: ids uuid[]
UPDATE public.job_outbox SET processed_at = clock_timestamp() WHERE outbox_id = ANY(%(ids)s);
