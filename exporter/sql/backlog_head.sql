-- backlog_head.sql
-- Question: Which jobs are pending, oldest first, how many by queue and attempts, and how many that the processor
--   fetches next have failed before? Where more are pending than are read: which were created lately?
-- Parameters:
--   count_limit bigint: rows read; all pending jobs are known where there are fewer
--   batch integer: rows that the processor fetches at once
--   latest double precision: Unix seconds; a later created_at is not believed
--   since double precision: Unix seconds; of a longer backlog, jobs created at this time or later are listed, too
--   recent_limit bigint: at most so many of these
--   lists_recent boolean: list these in any case
-- Columns:
--   jobs bigint not null: rows read
--   blocked bigint not null: failing or exhausted rows among the oldest `batch` pending
--   queues text[] not null: of each group of rows with one queue and number of attempts; an entry is null where they
--     have no queue
--   attempts bigint[] not null: of each group, in the same order; an entry is null where they have no number
--   counts bigint[] not null: rows of each group
--   oldest double precision[] not null: created_at of the oldest of each group, Unix seconds; an entry is null as in
--     backlog.sql
--   oldest_ids text[] not null: of each group, outbox_id of those among the oldest 200 pending, or `batch` if that is
--     more, with U+001F between them: an array of text takes the caller longer to read
--   newer_ids text[] not null: of each group, outbox_id of the others that were read
--   recent_queues text[] not null: of the jobs created since `since`, each queue; an entry is null where they have none
--   recent_ids text[] not null: of each of these queues, outbox_id of the jobs
--   is_standby boolean not null: the server is in recovery, and may be behind the rows of an earlier sample
--   inserted bigint null: rows inserted into the table, by the server's statistics; a standby keeps none
-- Index: idx_job_outbox_unprocessed (created_at) WHERE processed_at IS NULL
-- Source: deployed application, "Takes the oldest 100 pending rows" and leaves permanent failures pending: two
--   batches may leave between two samples. PostgreSQL documentation, "The Cumulative Statistics System". A backlog that
--   is short enough is counted here, too: reading its rows again would take as many pages.
WITH pending AS MATERIALIZED (
    SELECT
        outbox_id,
        queue_name::text COLLATE "C" AS queue,
        attempts,
        created_at,
        row_number() OVER (ORDER BY created_at) AS place
    FROM {pending_jobs}
    ORDER BY created_at
    LIMIT %(count_limit)s::bigint
)
SELECT
    head.jobs,
    head.blocked,
    alike.queues,
    alike.attempts,
    alike.counts,
    alike.oldest,
    alike.oldest_ids,
    alike.newer_ids,
    lately.queues AS recent_queues,
    lately.ids AS recent_ids,
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
    SELECT
        count(*) AS jobs,
        count(*) FILTER (WHERE attempts > 0 AND place <= %(batch)s::integer) AS blocked
    FROM pending
) AS head
CROSS JOIN (
    SELECT
        coalesce(array_agg(queue), ARRAY[]::text[]) AS queues,
        coalesce(array_agg(attempts), ARRAY[]::bigint[]) AS attempts,
        coalesce(array_agg(jobs), ARRAY[]::bigint[]) AS counts,
        coalesce(
            array_agg(
                CASE WHEN oldest <= to_timestamp(%(latest)s::double precision)
                    THEN extract(epoch FROM oldest::timestamptz)::double precision
                END
            ),
            ARRAY[]::double precision[]
        ) AS oldest,
        coalesce(array_agg(oldest_ids), ARRAY[]::text[]) AS oldest_ids,
        coalesce(array_agg(newer_ids), ARRAY[]::text[]) AS newer_ids
    FROM (
        SELECT
            queue,
            attempts::bigint AS attempts,
            count(*) AS jobs,
            min(created_at) FILTER (WHERE created_at > to_timestamp(0)) AS oldest,
            coalesce(
                string_agg(outbox_id::text, chr(31)) FILTER (WHERE place <= greatest(%(batch)s::integer, 200)), ''
            ) AS oldest_ids,
            coalesce(
                string_agg(outbox_id::text, chr(31)) FILTER (WHERE place > greatest(%(batch)s::integer, 200)), ''
            ) AS newer_ids
        FROM pending
        GROUP BY 1, 2
    ) AS groups
) AS alike
CROSS JOIN (
    SELECT
        coalesce(array_agg(queue), ARRAY[]::text[]) AS queues,
        coalesce(array_agg(ids), ARRAY[]::text[]) AS ids
    FROM (
        SELECT queue, string_agg(id, chr(31)) AS ids
        FROM (
            SELECT outbox_id::text AS id, queue_name::text COLLATE "C" AS queue
            FROM {pending_jobs}
            WHERE created_at >= to_timestamp(%(since)s::double precision)
                -- Otherwise all are listed above, and nothing is read here.
                AND (
                    %(lists_recent)s::boolean OR (SELECT count(*) FROM pending) >= %(count_limit)s::bigint
                )
            ORDER BY created_at DESC
            LIMIT %(recent_limit)s::bigint
        ) AS newest
        GROUP BY queue
    ) AS newest_by_queue
) AS lately
