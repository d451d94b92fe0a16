-- diagnosis/kept_jobs.sql
-- Question: How long ago was the oldest processed job that is still kept?
-- Parameters:
-- Columns:
--   oldest double precision null: seconds since it was processed; null without one
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL
-- Source: deployed application, cleanup_old_outbox_entries removes processed rows older than 30 days
SELECT extract(epoch FROM now() - min(processed_at)::timestamptz)::double precision AS oldest
FROM {processed_jobs}
WHERE processed_at > to_timestamp(0) AND processed_at <= now() + interval '5 minutes'
