-- migration/completed_since.sql
-- Question: Which job was processed last since a time?
-- Parameters:
--   since double precision: Unix seconds
--   latest double precision: Unix seconds; a later time does not count
-- Columns:
--   last double precision null: processed_at of the newest completion since, Unix seconds; null when there is none
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL, its last entry
-- Source: migrations reference, "Partial Rollback": the processor is stopped
SELECT extract(epoch FROM max(processed_at)::timestamptz)::double precision AS last
FROM {processed_jobs}
WHERE processed_at > to_timestamp(%(since)s::double precision)
  AND processed_at <= to_timestamp(%(latest)s::double precision)
