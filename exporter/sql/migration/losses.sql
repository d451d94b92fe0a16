-- migration/losses.sql
-- Question: What would dropping the three tables lose?
-- Parameters:
--   count_limit bigint: rows; counting stops here
-- Columns:
--   table_name text not null: the table
--   rows bigint not null: rows, at most `count_limit`
--   live bigint null: idempotency keys that still hold; null for the other tables
--   oldest double precision null: seconds since its oldest row was created, as far as counted; null for keys
--   newest double precision null: seconds since its newest row was created, as far as counted; null for keys
-- Index: none; reads the tables once, up to the limit
-- Source: migrations reference, "Emergency Rollback": data loss. When keys were created is not for monitoring to see.
SELECT
    counted.table_name,
    counted.rows,
    counted.live,
    extract(epoch FROM now() - counted.oldest)::double precision AS oldest,
    extract(epoch FROM now() - counted.newest)::double precision AS newest
FROM (
    SELECT
        1 AS place, 'job_outbox' AS table_name, count(*) AS rows, NULL::bigint AS live,
        min(created_at) AS oldest, max(created_at) AS newest
    FROM (SELECT created_at FROM {job_outbox} LIMIT %(count_limit)s::bigint) AS jobs
    UNION ALL
    SELECT 2, 'idempotency_keys', count(*), count(*) FILTER (WHERE expires_at > now()), NULL, NULL
    FROM (SELECT expires_at FROM {idempotency_keys} LIMIT %(count_limit)s::bigint) AS keys
    UNION ALL
    SELECT 3, 'fsm_events', count(*), NULL, min(created_at), max(created_at)
    FROM (SELECT created_at FROM {fsm_events} LIMIT %(count_limit)s::bigint) AS events
) AS counted
ORDER BY counted.place
