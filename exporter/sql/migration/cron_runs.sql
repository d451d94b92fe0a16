-- migration/cron_runs.sql
-- Question: How did the last finished run of each of these jobs end?
-- Parameters:
--   jobs bigint[]: cron.job.jobid
--   limit bigint: rows; of an unpruned history only so many of the latest runs are looked at
-- Columns:
--   job bigint not null: as asked
--   status text not null: succeeded or failed
--   message text null: what the server said
--   age double precision not null: seconds since that run ended
-- Index: primary key (runid), read backwards from its end until the job's last run is found
-- Source: pg_cron's own table, from which nothing deletes
SELECT
    wanted.job,
    last.status,
    last.return_message AS message,
    extract(epoch FROM now() - last.ended)::double precision AS age
FROM unnest(%(jobs)s::bigint[]) AS wanted (job)
CROSS JOIN LATERAL (
    SELECT recent.status, recent.return_message, coalesce(recent.end_time, recent.start_time) AS ended
    FROM (
        SELECT jobid, status, return_message, start_time, end_time, runid
        FROM cron.job_run_details
        ORDER BY runid DESC
        LIMIT %(limit)s::bigint
    ) AS recent
    WHERE recent.jobid = wanted.job
      AND recent.status IN ('succeeded', 'failed')
    ORDER BY recent.runid DESC
    LIMIT 1
) AS last
WHERE last.ended IS NOT NULL
ORDER BY wanted.job
