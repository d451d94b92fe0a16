-- failing_last_hour.sql
-- Question: How many pending jobs failed an attempt in the last hour, by queue and in all, and how many hold values that
--   no figure can use?
-- Parameters:
--   count_limit bigint: rows looked at, in no order
--   latest double precision: Unix seconds; a later time does not count
-- Columns:
--   is_total boolean not null: true in the one row that is about all queues together
--   queue text null: queue_name, of the queues with failing jobs; null for those that have none, and in the row about all
--   failing bigint not null: rows with attempts and a last attempt in the last hour
--   examined bigint not null: pending rows looked at; at count_limit there may be more
--   infinite bigint not null: rows with an infinite created_at or, if they were attempted, last_attempt_at
--   out_of_range bigint not null: rows with a created_at before 1970 or after `latest`, or an attempt after it
--   nulls bigint not null: rows without queue_name, created_at or attempts
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL; each page of the table is read once, as
--   the order does not matter: beyond the limit the failure ratio is unknown
-- Source: deployed application, "On a permanent failure it sets attempts, last_error, last_attempt_at and leaves
--   processed_at NULL".
SELECT
    grouping(queue) = 1 AS is_total,
    queue,
    count(*) FILTER (
        WHERE attempts > 0
          AND last_attempt_at >= now() - interval '1 hour'
          AND last_attempt_at <= to_timestamp(%(latest)s::double precision)
    ) AS failing,
    count(*) AS examined,
    count(*) FILTER (
        WHERE NOT isfinite(created_at) OR (attempts > 0 AND NOT isfinite(last_attempt_at))
    ) AS infinite,
    count(*) FILTER (
        WHERE (
            isfinite(created_at)
            AND (created_at <= to_timestamp(0) OR created_at > to_timestamp(%(latest)s::double precision))
        ) OR (
            attempts > 0
            AND isfinite(last_attempt_at)
            AND last_attempt_at > to_timestamp(%(latest)s::double precision)
        )
    ) AS out_of_range,
    count(*) FILTER (WHERE queue IS NULL OR created_at IS NULL OR attempts IS NULL) AS nulls
FROM (
    SELECT queue_name::text COLLATE "C" AS queue, attempts, created_at, last_attempt_at
    FROM {failing_jobs}
    LIMIT %(count_limit)s::bigint
) AS pending
GROUP BY GROUPING SETS ((queue), ())
HAVING grouping(queue) = 1
    OR count(*) FILTER (
        WHERE attempts > 0
          AND last_attempt_at >= now() - interval '1 hour'
          AND last_attempt_at <= to_timestamp(%(latest)s::double precision)
    ) > 0
ORDER BY is_total DESC, failing DESC, queue
