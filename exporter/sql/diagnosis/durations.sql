-- diagnosis/durations.sql
-- Question: How long did the jobs of each queue take that were processed lately?
-- Parameters:
--   count_limit bigint: processed jobs, the latest, that are read
--   span double precision: seconds back
-- Columns:
--   queue text null: the queue; null for jobs without one
--   jobs bigint not null: its jobs among those read
--   percentile double precision not null: 95th percentile of processed - created, seconds
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL
-- Source: migrations reference, "average processing time"; here by queue and of the jobs processed latest
SELECT
    queue,
    count(*) AS jobs,
    greatest(percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds), 0)::double precision AS percentile
FROM (
    SELECT
        queue_name::text COLLATE "C" AS queue,
        extract(epoch FROM processed_at - created_at::timestamptz)::double precision AS seconds
    FROM (
        SELECT queue_name, created_at, processed_at::timestamptz
        FROM {processed_jobs}
        WHERE processed_at > now() - make_interval(secs => %(span)s::double precision)
          AND processed_at <= now() + interval '5 minutes'
        ORDER BY processed_at DESC
        LIMIT %(count_limit)s::bigint
    ) AS latest
    WHERE created_at > to_timestamp(0) AND isfinite(created_at)
) AS timed
GROUP BY queue
ORDER BY percentile DESC, queue
