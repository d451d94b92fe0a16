-- diagnosis/progress.sql
-- Question: Which jobs are pending, when was one attempted, and how many were processed lately?
-- Parameters:
--   count_limit bigint: pending jobs, the oldest, and processed jobs, the latest, that are read
--   exhausted bigint: attempts from which on a job is exhausted
--   recent double precision: seconds; only attempts since then are read, of whichever jobs; null: those of the oldest
--   span double precision: seconds back for which processed and new jobs are counted
-- Columns:
--   pending bigint not null: pending jobs that were read
--   oldest double precision null: seconds since the oldest of them was created, or due; null without one
--   oldest_open double precision null: the same of those that are not exhausted
--   attempted double precision null: seconds since an unprocessed job was last attempted
--   processed bigint not null: of the jobs processed latest those of the last `span` seconds
--   first_processed double precision null: seconds since the first of these was processed
--   last_processed double precision null: seconds since any job was processed, as far as it was read
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL; idx_job_outbox_cleanup (processed_at) WHERE
--   processed_at IS NOT NULL
-- Source: deployed application, "The outbox processor". Times before 1970 and in the future are not believed.
SELECT
    pending.jobs AS pending,
    extract(epoch FROM now() - pending.oldest)::double precision AS oldest,
    extract(epoch FROM now() - pending.oldest_open)::double precision AS oldest_open,
    extract(epoch FROM now() - attempted.last)::double precision AS attempted,
    processed.jobs AS processed,
    extract(epoch FROM now() - processed.first)::double precision AS first_processed,
    extract(epoch FROM now() - processed.last)::double precision AS last_processed
FROM (
    SELECT
        count(*) AS jobs,
        min(created_at) FILTER (WHERE created_at > to_timestamp(0)) AS oldest,
        min(created_at) FILTER (
            WHERE created_at > to_timestamp(0) AND coalesce(attempts, 0) < %(exhausted)s::bigint
        ) AS oldest_open
    FROM (
        SELECT created_at::timestamptz, attempts
        FROM {pending_jobs}
        ORDER BY created_at
        LIMIT %(count_limit)s::bigint
    ) AS head
) AS pending
CROSS JOIN (
    SELECT max(last_attempt_at) FILTER (WHERE attempts > 0 AND last_attempt_at <= now() + interval '5 minutes') AS last
    FROM (
        SELECT attempts, last_attempt_at::timestamptz
        FROM {failing_jobs}
        WHERE %(recent)s::double precision IS NULL
           OR last_attempt_at >= now() - make_interval(secs => %(recent)s::double precision)
        ORDER BY created_at
        LIMIT %(count_limit)s::bigint
    ) AS head
) AS attempted
CROSS JOIN (
    SELECT
        count(*) FILTER (WHERE processed_at > now() - make_interval(secs => %(span)s::double precision)) AS jobs,
        min(processed_at) FILTER (
            WHERE processed_at > now() - make_interval(secs => %(span)s::double precision)
        ) AS first,
        max(processed_at) AS last
    FROM (
        SELECT processed_at::timestamptz
        FROM {processed_jobs}
        WHERE processed_at > to_timestamp(0) AND processed_at <= now() + interval '5 minutes'
        ORDER BY processed_at DESC
        LIMIT %(count_limit)s::bigint
    ) AS latest
) AS processed
