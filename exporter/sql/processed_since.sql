-- processed_since.sql
-- Question: Which jobs became processed lately? The caller drops those that it has counted before.
-- Parameters:
--   since double precision: Unix seconds of the oldest processed_at of interest
-- Columns:
--   ids text[] not null: outbox_id of each job
--   ats double precision[] not null: processed_at, Unix seconds
--   queues text[] not null: queue_name
--   seconds double precision[] not null: processed_at - created_at; negative when the application's clock lags
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL
-- Source: the counters' contract: rows seen to become processed since the exporter started. Arrays in one order, in
--   one row: most of it the caller knows already, and a row of its own for each would cost it more than the rest.
SELECT
    coalesce(array_agg(outbox_id::text), ARRAY[]::text[]) AS ids,
    coalesce(array_agg(extract(epoch FROM processed_at)::double precision), ARRAY[]::double precision[]) AS ats,
    coalesce(array_agg(queue_name::text), ARRAY[]::text[]) AS queues,
    coalesce(array_agg(extract(epoch FROM (processed_at - created_at))::double precision), ARRAY[]::double precision[])
        AS seconds
FROM {job_outbox}
WHERE processed_at >= to_timestamp(%(since)s::double precision)
