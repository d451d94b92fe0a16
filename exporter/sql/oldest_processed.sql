-- oldest_processed.sql
-- Question: How far back do processed jobs reach?
-- Parameters:
--   latest double precision: Unix seconds; a later time does not count, nor does one before 1970
-- Columns:
--   oldest double precision null: smallest processed_at, Unix seconds; null when nothing was processed
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL
-- Source: deployed application, cleanup_old_outbox_entries removes processed rows older than 30 days.
SELECT extract(epoch FROM min(processed_at)::timestamptz)::double precision AS oldest
FROM {processed_jobs}
WHERE processed_at > to_timestamp(0)
  AND processed_at <= to_timestamp(%(latest)s::double precision)
