-- departed.sql
-- Question: Do these jobs still exist, which were pending and which no counter has read since?
-- Parameters:
--   ids unknown: outbox_id of these jobs, an array literal that the server reads as of the column's own type
-- Columns:
--   id text not null: outbox_id of one that is still there
--   created_at double precision null: created_at, Unix seconds, infinite where it is
--   processed_at double precision null: processed_at, Unix seconds, infinite where it is; null while it is pending
-- Index: the primary key
-- Source: the counters' contract: a job that leaves the backlog is counted as processed, or counted as unaccounted.
--   Asked only when there is such a job.
SELECT
    outbox_id::text AS id,
    extract(epoch FROM created_at::timestamptz)::double precision AS created_at,
    extract(epoch FROM processed_at::timestamptz)::double precision AS processed_at
FROM {all_jobs}
WHERE outbox_id = ANY (%(ids)s)
