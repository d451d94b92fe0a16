-- processed_since.sql
-- Question: Which jobs became processed lately? The caller drops those that it has counted before.
-- Parameters:
--   since double precision: Unix seconds of the oldest processed_at of interest
--   until double precision: Unix seconds of the oldest processed_at from which on jobs are listed
--   latest double precision: Unix seconds; a later processed_at is none yet
-- Columns:
--   settled_jobs bigint not null: jobs with processed_at from `since` to before `until`
--   settled_micros bigint not null: how much later than `since` each of these is, all together, microseconds
--   ids text[] not null: outbox_id of each job from `until` on
--   ats double precision[] not null: processed_at, Unix seconds
--   queues text[] not null: queue_name; an entry is null where the job has none
--   seconds double precision[] not null: processed_at - created_at; negative when the application's clock lags; an
--     entry is null where created_at is infinite, before 1970, after `latest` or missing
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL
-- Source: the counters' contract: rows seen to become processed since the exporter started. Rows that the caller has
--   counted already are recognised by their number and a sum; the others are arrays in one order, in one row, as a row
--   of its own for each job would cost the caller more than all else.
SELECT
    count(*) FILTER (WHERE is_settled) AS settled_jobs,
    coalesce(sum((extract(epoch FROM later) * 1000000)::bigint) FILTER (WHERE is_settled), 0)::bigint AS settled_micros,
    coalesce(array_agg(outbox_id::text) FILTER (WHERE NOT is_settled), ARRAY[]::text[]) AS ids,
    coalesce(
        array_agg(extract(epoch FROM processed_at)::double precision) FILTER (WHERE NOT is_settled),
        ARRAY[]::double precision[]
    ) AS ats,
    coalesce(array_agg(queue_name::text) FILTER (WHERE NOT is_settled), ARRAY[]::text[]) AS queues,
    coalesce(
        array_agg(extract(epoch FROM (processed_at - plausible_at))::double precision) FILTER (WHERE NOT is_settled),
        ARRAY[]::double precision[]
    ) AS seconds
FROM (
    SELECT
        outbox_id,
        queue_name,
        -- Not in a FILTER: an entry for each job.
        CASE
            WHEN created_at > to_timestamp(0) AND created_at <= to_timestamp(%(latest)s::double precision)
                THEN created_at::timestamptz
        END AS plausible_at,
        processed_at::timestamptz AS processed_at,
        processed_at::timestamptz - to_timestamp(%(since)s::double precision) AS later,
        processed_at < to_timestamp(%(until)s::double precision) AS is_settled
    FROM {processed_jobs}
    WHERE processed_at >= to_timestamp(%(since)s::double precision)
      AND processed_at <= to_timestamp(%(latest)s::double precision)
) AS jobs
