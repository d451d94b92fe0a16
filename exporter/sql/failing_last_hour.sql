-- failing_last_hour.sql
-- Question: How many pending jobs failed an attempt in the last hour?
-- Parameters:
--   count_limit bigint: rows looked at, oldest first
-- Columns:
--   failing bigint not null: rows with attempts and a last attempt in the last hour
--   looked_at bigint not null: pending rows looked at; at count_limit there may be more
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: deployed application, "On a permanent failure it sets attempts, last_error, last_attempt_at and leaves
--   processed_at NULL".
SELECT
    count(*) FILTER (
        WHERE pending.attempts > 0 AND pending.last_attempt_at >= now() - interval '1 hour'
    ) AS failing,
    count(*) AS looked_at
FROM (
    SELECT attempts, last_attempt_at
    FROM {job_outbox}
    WHERE processed_at IS NULL
    ORDER BY created_at
    LIMIT %(count_limit)s::bigint
) AS pending
