-- migration/losses.sql
-- Question: What would dropping the three tables lose?
-- Parameters:
--   count_limit bigint: rows; counting stops here
--   latest double precision: Unix seconds; a later created_at does not count
-- Columns:
--   table_name text not null: the table
--   rows bigint not null: rows, at most `count_limit`
--   live bigint null: idempotency keys that still hold; null for the other tables
--   oldest double precision null: seconds since its oldest plausible row, as far as counted; null for keys
--   newest double precision null: seconds since its newest plausible row, as far as counted; null for keys
-- Index: none; reads the tables once, up to the limit
-- Source: migrations reference, "Emergency Rollback": data loss. The monitoring role may not read when keys were
--   created.
SELECT
    counted.table_name,
    counted.rows,
    counted.live,
    extract(epoch FROM now() - counted.oldest)::double precision AS oldest,
    extract(epoch FROM now() - counted.newest)::double precision AS newest
FROM (
    SELECT
        1 AS place, 'job_outbox' AS table_name, count(*) AS rows, NULL::bigint AS live,
        min(plausible_at) AS oldest, max(plausible_at) AS newest
    FROM (
        SELECT
            CASE
                WHEN created_at > to_timestamp(0) AND created_at <= to_timestamp(%(latest)s::double precision)
                    THEN created_at::timestamptz
            END AS plausible_at
        FROM {job_outbox}
        LIMIT %(count_limit)s::bigint
    ) AS jobs
    UNION ALL
    SELECT 2, 'idempotency_keys', count(*), count(*) - count(*) FILTER (WHERE expires_at <= now()), NULL, NULL
    FROM (SELECT expires_at FROM {idempotency_keys} LIMIT %(count_limit)s::bigint) AS keys
    UNION ALL
    SELECT 3, 'fsm_events', count(*), NULL, min(plausible_at), max(plausible_at)
    FROM (
        SELECT
            CASE
                WHEN created_at > to_timestamp(0) AND created_at <= to_timestamp(%(latest)s::double precision)
                    THEN created_at::timestamptz
            END AS plausible_at
        FROM {fsm_events}
        LIMIT %(count_limit)s::bigint
    ) AS events
) AS counted
ORDER BY counted.place
