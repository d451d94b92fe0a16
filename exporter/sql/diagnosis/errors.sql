-- diagnosis/errors.sql
-- Question: With which kinds of error do the failing jobs fail?
-- Parameters:
--   count_limit bigint: pending jobs, the oldest, that are read
-- Columns:
--   kind text not null: connection, missing, content, access, resources or other
--   jobs bigint not null: jobs whose latest error is of that kind
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: deployed application: last_error is free text that may hold data of users, so it is classified here and does
--   not leave the server. The patterns are messages of Node, Redis and BullMQ.
SELECT kind, count(*) AS jobs
FROM (
    SELECT
        CASE
            WHEN last_error ~* 'ECONN|ENOTFOUND|EPIPE|socket|time[d ]*out|connection|unreachable' THEN 'connection'
            WHEN last_error ~* 'does not exist|unknown queue|no such|not registered|missing process' THEN 'missing'
            WHEN last_error ~* 'permission|denied|unauthori|forbidden|NOAUTH|WRONGPASS' THEN 'access'
            WHEN last_error ~* 'memory|OOM|disk|quota|READONLY|too large' THEN 'resources'
            WHEN last_error ~* 'invalid|validation|required|parse|schema|unexpected' THEN 'content'
            ELSE 'other'
        END AS kind
    FROM (
        SELECT attempts, last_error
        FROM {job_outbox}
        WHERE processed_at IS NULL
        ORDER BY created_at
        LIMIT %(count_limit)s::bigint
    ) AS head
    WHERE attempts > 0
) AS failing
GROUP BY kind
ORDER BY jobs DESC, kind
