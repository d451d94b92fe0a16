-- processed_since.sql
-- Question: Which jobs became processed lately? The caller drops those that it has counted before.
-- Parameters:
--   since double precision: Unix seconds of the oldest processed_at of interest
-- Columns:
--   id text not null: outbox_id
--   at double precision not null: processed_at, Unix seconds
--   queue text not null: queue_name
--   seconds double precision not null: processed_at - created_at; negative when the application's clock lags
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL
-- Source: the counters' contract: rows seen to become processed since the exporter started.
SELECT
    outbox_id::text AS id,
    extract(epoch FROM processed_at)::double precision AS at,
    queue_name::text AS queue,
    extract(epoch FROM (processed_at - created_at))::double precision AS seconds
FROM {job_outbox}
WHERE processed_at >= to_timestamp(%(since)s::double precision)
