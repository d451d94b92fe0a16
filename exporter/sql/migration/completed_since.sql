-- migration/completed_since.sql
-- Question: Did the processor complete anything since then?
-- Parameters:
--   since double precision: Unix seconds
-- Columns:
--   last double precision null: processed_at of the newest completion since, Unix seconds; null when there is none
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL, its last entry
-- Source: migrations reference, "Partial Rollback": the processor is stopped
SELECT extract(epoch FROM max(processed_at))::double precision AS last
FROM {job_outbox}
WHERE processed_at IS NOT NULL
  AND processed_at > to_timestamp(%(since)s::double precision)
