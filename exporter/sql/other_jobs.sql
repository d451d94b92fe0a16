-- other_jobs.sql
-- Question: Which jobs are neither pending nor processed: running, scheduled for later, or exhausted?
-- Parameters:
--   count_limit bigint: rows read; all are known where there are fewer
--   latest double precision: Unix seconds; a later created_at is not believed
-- Columns:
--   state text not null: running, scheduled or exhausted
--   queue text null: its name; null for jobs without one
--   jobs bigint not null: how many
--   oldest double precision null: created_at of the oldest, Unix seconds; null where no time is believable
-- Index: one that is led by the status, or partial to it, where the jobs have one
-- Source: exporter/outbox/mapping.py
SELECT
    alike.state,
    alike.queue,
    alike.jobs,
    CASE WHEN alike.oldest <= to_timestamp(%(latest)s::double precision)
        THEN extract(epoch FROM alike.oldest::timestamptz)::double precision
    END AS oldest
FROM (
    SELECT
        others.state,
        others.queue,
        count(*) AS jobs,
        min(others.created_at) FILTER (WHERE others.created_at > to_timestamp(0)) AS oldest
    FROM (
        SELECT state, queue_name::text COLLATE "C" AS queue, created_at
        FROM {other_jobs}
        LIMIT %(count_limit)s::bigint
    ) AS others
    GROUP BY others.state, others.queue
) AS alike
ORDER BY jobs DESC, queue, state
