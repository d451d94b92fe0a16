-- backlog.sql
-- Question: How many jobs are pending, by queue and state, and since when?
-- Parameters:
--   count_limit bigint: rows; counting stops here
--   which text: count so many of the 'oldest' or the 'newest'; 'any' is cheaper and the same where there are fewer
--   exhausted_attempts integer: attempts from which on a pending job counts as exhausted
--   latest double precision: Unix seconds; a later created_at is not believed
-- Columns:
--   queue text null: queue_name; null for the jobs that have none
--   state text not null: waiting (never tried), failing, exhausted; without a number of attempts: waiting
--   jobs bigint not null: rows
--   oldest double precision null: created_at of the oldest of them, Unix seconds; null when none of them has a
--     believable one: infinite, before 1970, after `latest` or missing. Such a job is pending all the same
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: migrations reference, "Pending jobs count"; deployed application, "failing means processed_at IS NULL
--   AND attempts > 0" (last_error stays after a later success and says nothing).
SELECT
    alike.queue,
    CASE
        WHEN coalesce(alike.attempts, 0) <= 0 THEN 'waiting'
        WHEN alike.attempts < %(exhausted_attempts)s::integer THEN 'failing'
        ELSE 'exhausted'
    END AS state,
    sum(alike.jobs)::bigint AS jobs,
    extract(epoch FROM min(alike.oldest)::timestamptz)::double precision AS oldest
FROM (
    -- The state is named once per group, not once per row: a fifth of the time with a million rows.
    SELECT
        pending.queue_name::text COLLATE "C" AS queue,
        pending.attempts,
        count(*) AS jobs,
        min(pending.created_at) FILTER (
            WHERE pending.created_at > to_timestamp(0)
              AND pending.created_at <= to_timestamp(%(latest)s::double precision)
        ) AS oldest
    FROM (
        SELECT queue_name, attempts, created_at
        FROM {job_outbox}
        WHERE processed_at IS NULL
        -- The planner sees the value and drops the keys that are always null: one order remains, or none.
        ORDER BY
            CASE WHEN %(which)s::text = 'oldest' THEN created_at END,
            CASE WHEN %(which)s::text = 'newest' THEN created_at END DESC
        LIMIT %(count_limit)s::bigint
    ) AS pending
    GROUP BY 1, pending.attempts
) AS alike
GROUP BY 1, 2
ORDER BY jobs DESC, queue, state
