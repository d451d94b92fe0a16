-- backlog_head.sql
-- Question: How many of the jobs that the processor fetches next have failed before, and which jobs are pending?
-- Parameters:
--   batch integer: rows that the processor fetches at once
-- Columns:
--   blocked bigint not null: failing or exhausted rows among the oldest `batch` pending
--   ids text not null: outbox_id of the oldest 200 pending, or of `batch` if that is more, with U+001F between them:
--     an array of text takes the caller longer to read
--   is_standby boolean not null: the server is in recovery, and may be behind the rows of an earlier sample
--   inserted bigint null: rows inserted into the table, by the server's statistics; a standby keeps none
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: deployed application, "Takes the oldest 100 pending rows" and leaves permanent failures pending: two
--   batches may leave between two samples. PostgreSQL documentation, "The Cumulative Statistics System".
SELECT
    count(*) FILTER (WHERE head.attempts > 0 AND head.place <= %(batch)s::integer) AS blocked,
    coalesce(string_agg(head.outbox_id::text, chr(31)), '') AS ids,
    pg_is_in_recovery() AS is_standby,
    (
        -- Of a partitioned table the partitions.
        SELECT coalesce(
            (SELECT sum(pg_stat_get_tuples_inserted(part.relid)) FROM pg_partition_tree(outbox.typrelid) AS part),
            pg_stat_get_tuples_inserted(outbox.typrelid)
        )::bigint
        FROM pg_type AS outbox
        WHERE outbox.oid = pg_typeof(NULL::{job_outbox}) AND NOT pg_is_in_recovery()
    ) AS inserted
FROM (
    SELECT oldest.outbox_id, oldest.attempts, row_number() OVER (ORDER BY oldest.created_at) AS place
    FROM (
        SELECT outbox_id, attempts, created_at
        FROM {job_outbox}
        WHERE processed_at IS NULL
        ORDER BY created_at
        LIMIT greatest(%(batch)s::integer, 200)
    ) AS oldest
) AS head
