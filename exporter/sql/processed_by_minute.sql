-- processed_by_minute.sql
-- Question: How many jobs were processed in each minute of the last hour, before the exporter's first sample?
-- Parameters:
--   latest double precision: Unix seconds; a later processed_at is none yet
-- Columns:
--   minute bigint not null: minutes since 1970; one row for each that has jobs
--   jobs bigint not null: rows with processed_at in that minute and in the last hour
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL, its last hour; of a mapped outbox an index
--   on the column that maps to it
-- Source: read once, where rows may be deleted within the hour (exporter/collectors/retention.py): a row of that hour that
--   is missing later makes the figures of the last hour unknown.
SELECT
    floor(extract(epoch FROM processed_at::timestamptz) / 60)::bigint AS minute,
    count(*) AS jobs
FROM {processed_jobs}
WHERE processed_at >= now() - interval '1 hour'
  AND processed_at <= to_timestamp(%(latest)s::double precision)
GROUP BY minute
