-- backlog_head.sql
-- Question: How many of the jobs that the processor fetches next have failed before?
-- Parameters:
--   batch integer: rows that the processor fetches at once
-- Columns:
--   blocked bigint not null: failing or exhausted rows among the oldest `batch` pending
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: deployed application, "Takes the oldest 100 pending rows" and leaves permanent failures pending.
SELECT count(*) FILTER (WHERE head.attempts > 0) AS blocked
FROM (
    SELECT attempts
    FROM {job_outbox}
    WHERE processed_at IS NULL
    ORDER BY created_at
    LIMIT %(batch)s::integer
) AS head
