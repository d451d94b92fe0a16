-- diagnosis/failing.sql
-- Question: Of which queues are the failing jobs?
-- Parameters:
--   count_limit bigint: pending jobs, the oldest, that are read
--   batch bigint: jobs that the processor fetches at once
--   exhausted bigint: attempts from which on a job is exhausted
--   recent double precision: seconds; only attempts since then are read, of whichever jobs; null: those of the oldest
-- Columns:
--   queue text null: the queue; null for jobs without one
--   jobs bigint not null: its failing and exhausted jobs among those read
--   in_batch bigint not null: those of them among the oldest `batch` pending jobs
--   exhausted bigint not null: those of them whose attempts are used up
--   oldest double precision null: seconds since the oldest of them was created, or due
--   attempted double precision null: seconds since an unprocessed job of this queue was last attempted
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: deployed application, "On a permanent failure it sets attempts, last_error, last_attempt_at and leaves
--   processed_at NULL"
SELECT
    failing.queue,
    failing.jobs,
    failing.in_batch,
    failing.exhausted,
    failing.oldest,
    extract(epoch FROM now() - attempted.latest)::double precision AS attempted
FROM (
    SELECT
        queue,
        count(*) AS jobs,
        count(*) FILTER (WHERE place <= %(batch)s::bigint) AS in_batch,
        count(*) FILTER (WHERE attempts >= %(exhausted)s::bigint) AS exhausted,
        extract(epoch FROM now() - min(created_at) FILTER (WHERE created_at > to_timestamp(0)))::double precision
            AS oldest
    FROM (
        SELECT
            queue_name::text COLLATE "C" AS queue,
            attempts,
            created_at::timestamptz,
            row_number() OVER (ORDER BY created_at) AS place
        FROM {pending_jobs}
        ORDER BY created_at
        LIMIT %(count_limit)s::bigint
    ) AS head
    WHERE attempts > 0
    GROUP BY queue
) AS failing
LEFT JOIN (
    SELECT queue, max(last_attempt_at) FILTER (WHERE last_attempt_at <= now() + interval '5 minutes') AS latest
    FROM (
        SELECT queue_name::text COLLATE "C" AS queue, attempts, last_attempt_at::timestamptz
        FROM {failing_jobs}
        WHERE %(recent)s::double precision IS NULL
           OR last_attempt_at >= now() - make_interval(secs => %(recent)s::double precision)
        ORDER BY created_at
        LIMIT %(count_limit)s::bigint
    ) AS unprocessed
    WHERE attempts > 0
    GROUP BY queue
) AS attempted ON attempted.queue IS NOT DISTINCT FROM failing.queue
ORDER BY failing.jobs DESC, failing.queue
