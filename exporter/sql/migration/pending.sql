-- migration/pending.sql
-- Question: How many jobs are pending, by queue and state, and how old is the oldest?
-- Parameters:
--   count_limit bigint: rows; counting stops here, at the oldest so many
--   exhausted_attempts integer: attempts from which on a pending job counts as exhausted
--   latest double precision: Unix seconds; a later created_at does not count
-- Columns:
--   queue text null: queue_name; null for the jobs that have none
--   state text not null: waiting (never tried), failing, exhausted
--   jobs bigint not null: rows
--   age double precision null: seconds since the oldest of them was created; null when none has a plausible time
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: migrations reference, rollback step 2
SELECT
    pending.queue_name::text COLLATE "C" AS queue,
    CASE
        WHEN coalesce(pending.attempts, 0) <= 0 THEN 'waiting'
        WHEN pending.attempts < %(exhausted_attempts)s::integer THEN 'failing'
        ELSE 'exhausted'
    END AS state,
    count(*) AS jobs,
    extract(epoch FROM now() - (
        min(pending.created_at) FILTER (
            WHERE pending.created_at > to_timestamp(0)
              AND pending.created_at <= to_timestamp(%(latest)s::double precision)
        )
    )::timestamptz)::double precision AS age
FROM (
    SELECT queue_name, attempts, created_at
    FROM {job_outbox}
    WHERE processed_at IS NULL
    ORDER BY created_at
    LIMIT %(count_limit)s::bigint
) AS pending
GROUP BY 1, 2
ORDER BY jobs DESC, queue, state
