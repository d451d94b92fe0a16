-- backlog.sql
-- Question: How many jobs are pending, by queue and attempts, and since when?
-- Parameters:
--   count_limit bigint: rows; counting stops here
--   which text: count so many of the 'oldest' or the 'newest'; 'any' is cheaper and the same where there are fewer
--   latest double precision: Unix seconds; a later created_at is not believed
-- Columns:
--   queue text null: queue_name; null for the jobs that have none
--   attempts bigint null: attempts, null where it is
--   jobs bigint not null: rows
--   oldest double precision null: created_at of the oldest of them, Unix seconds; null when none of them has a
--     believable one: infinite, before 1970, after `latest` or missing. Such a job is pending all the same
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: migrations reference, "Pending jobs count". Each operation on a million rows counts: names have their type
--   below the LIMIT, so that the server makes no other row of each row, and only what is left of a group is compared
--   with `latest`.
SELECT
    alike.queue,
    alike.attempts::bigint AS attempts,
    alike.jobs,
    CASE WHEN alike.oldest <= to_timestamp(%(latest)s::double precision)
        THEN extract(epoch FROM alike.oldest::timestamptz)::double precision
    END AS oldest
FROM (
    SELECT
        pending.queue,
        pending.attempts,
        count(*) AS jobs,
        min(pending.created_at) FILTER (WHERE pending.created_at > to_timestamp(0)) AS oldest
    FROM (
        SELECT queue_name::text COLLATE "C" AS queue, attempts, created_at
        FROM {pending_jobs}
        -- The planner sees the value and drops the keys that are always null: one order remains, or none.
        ORDER BY
            CASE WHEN %(which)s::text = 'oldest' THEN created_at END,
            CASE WHEN %(which)s::text = 'newest' THEN created_at END DESC
        LIMIT %(count_limit)s::bigint
    ) AS pending
    GROUP BY pending.queue, pending.attempts
) AS alike
ORDER BY jobs DESC, queue, attempts
