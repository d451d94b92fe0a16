-- processed_last_hour.sql
-- Question: What was processed in the last hour, and how long did it take, by queue and in all?
-- Parameters:
--   skew double precision: seconds that the application's clock may lag behind the database's; 0 where the latest
--     ten minutes of samples show no such lag
--   latest double precision: Unix seconds; a later time is not believed
-- Columns:
--   is_total boolean not null: true in the one row that is about all queues together
--   queue text null: queue_name; null for the jobs that have none, and in the row about all
--   processed bigint not null: rows with processed_at in the last hour
--   processed_avg double precision null: mean of processed_at - created_at over those rows, seconds, without those
--     whose created_at is infinite, before 1970, after `latest` or missing
--   created_avg double precision null: the same over processed rows created in the last hour (the documented query)
--   lagging bigint not null: rows read whose processed_at is before their created_at
--   infinite bigint not null: rows with an infinite processed_at and, of the last hour, those with such a created_at
--   out_of_range bigint not null: the same with a finite time before 1970 or after `latest`
--   nulls bigint not null: rows of the last hour without queue_name or created_at
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL, its last hour and both its ends
-- Source: migrations reference, "Jobs processed in last hour" and "Average processing time". The latter filters on
--   created_at, which has no index; but what was created in the last hour was also processed in it, or earlier by
--   no more than the clocks differ. So the index on processed_at answers it, as long as they differ by less than `skew`.
SELECT
    grouping(queue) = 1 AS is_total,
    queue,
    count(*) FILTER (WHERE in_hour) AS processed,
    (avg(took) FILTER (WHERE in_hour))::double precision AS processed_avg,
    (avg(took) FILTER (WHERE created_at >= now() - interval '1 hour'))::double precision AS created_avg,
    count(*) FILTER (WHERE took < 0) AS lagging,
    count(*) FILTER (
        WHERE NOT isfinite(processed_at) OR (in_hour AND NOT isfinite(created_at))
    ) AS infinite,
    count(*) FILTER (
        WHERE (isfinite(processed_at) AND NOT is_completed) OR (in_hour AND isfinite(created_at) AND NOT is_dated)
    ) AS out_of_range,
    count(*) FILTER (WHERE in_hour AND (queue IS NULL OR created_at IS NULL)) AS nulls
FROM (
    SELECT
        *,
        is_completed AND processed_at >= now() - interval '1 hour' AS in_hour,
        -- Infinite times cannot be subtracted, nor some that are nearly so.
        CASE WHEN is_completed AND is_dated
            THEN extract(epoch FROM (processed_at::timestamptz - created_at::timestamptz))
        END AS took
    FROM (
        SELECT
            queue_name::text COLLATE "C" AS queue,
            created_at,
            processed_at,
            created_at > to_timestamp(0) AND created_at <= to_timestamp(%(latest)s::double precision) AS is_dated,
            processed_at > to_timestamp(0) AND processed_at <= to_timestamp(%(latest)s::double precision)
                AS is_completed
        FROM (
            SELECT queue_name, created_at, processed_at
            FROM {processed_jobs}
            WHERE processed_at >= now() - interval '1 hour' - make_interval(secs => %(skew)s::double precision)
               OR processed_at <= to_timestamp(0)
            -- A created_at that is looked up in another table is looked up once: the subquery is a step of its own.
            OFFSET 0
        ) AS done
    ) AS job
) AS recent
GROUP BY GROUPING SETS ((queue), ())
ORDER BY is_total DESC, processed DESC, queue
