-- diagnosis/locks.sql
-- Question: Which sessions hold ACCESS EXCLUSIVE on a table of the outbox, or let other sessions of this database wait?
-- Parameters:
--   schema text: the schema of the tables
--   tables text[]: their names
--   count_limit bigint: waiting sessions that are looked at
-- Columns:
--   pid integer not null: the session; 0 for prepared transactions, of which the oldest of this database is described
--   role text null: its role; null where the session has ended meanwhile
--   application text null: its application_name
--   state text null: of pg_stat_activity; null where this role may not see it
--   since double precision null: seconds since its transaction began; null likewise
--   command text null: the first two words of its latest statement; null likewise
--   tables text[] not null: tables of the outbox that it holds in ACCESS EXCLUSIVE mode
--   waiting bigint not null: sessions that wait for it, directly
--   waited double precision null: seconds that the one of them has waited that waits longest
--   version integer not null: server_version_num
-- Index: none: pg_locks is the lock table in shared memory, and takes no lock on a table that is locked. Each call of
--   pg_blocking_pids stops the lock table for microseconds; there is one for each waiting session
-- Source: PostgreSQL documentation, pg_locks and pg_blocking_pids, visible to every role; pg_stat_activity shows a role
--   without pg_read_all_stats neither state nor times nor statements of others. A statement's text may hold data, so
--   two words of it leave the server.
WITH holding AS (
    SELECT coalesce(l.pid, 0) AS pid, array_agg(DISTINCT c.relname::text) AS tables
    FROM pg_locks AS l
    JOIN pg_class AS c ON c.oid = l.relation
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE l.granted
      AND l.mode = 'AccessExclusiveLock'
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND n.nspname = %(schema)s::text
      AND c.relname = ANY (%(tables)s::text[])
    GROUP BY 1
),
blocked AS (
    SELECT waiting.pid, blocker.pid AS blocker, waiting.waited
    FROM (
        SELECT l.pid, extract(epoch FROM clock_timestamp() - l.waitstart)::double precision AS waited
        FROM pg_locks AS l
        JOIN pg_stat_activity AS a ON a.pid = l.pid
        WHERE NOT l.granted AND a.datname = current_database()
        LIMIT %(count_limit)s::bigint
    ) AS waiting
    CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker (pid)
),
found AS (
    SELECT pid FROM holding
    UNION
    SELECT blocker FROM blocked WHERE blocker NOT IN (SELECT pid FROM blocked)
)
SELECT
    found.pid,
    coalesce(a.usename, prepared.owner)::text AS role,
    a.application_name AS application,
    CASE WHEN found.pid = 0 THEN 'prepared' ELSE a.state END AS state,
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, prepared.prepared))::double precision AS since,
    upper(substring(a.query FROM '^\s*(?:/\*.*?\*/\s*)*([A-Za-z]+(?:\s+[A-Za-z]+)?)')) AS command,
    coalesce(holding.tables, ARRAY[]::text[]) AS tables,
    (SELECT count(DISTINCT blocked.pid) FROM blocked WHERE blocked.blocker = found.pid) AS waiting,
    (SELECT max(blocked.waited) FROM blocked WHERE blocked.blocker = found.pid) AS waited,
    current_setting('server_version_num')::integer AS version
FROM found
LEFT JOIN holding ON holding.pid = found.pid
LEFT JOIN pg_stat_activity AS a ON a.pid = found.pid
LEFT JOIN LATERAL (
    SELECT owner, prepared
    FROM pg_prepared_xacts
    WHERE database = current_database() AND found.pid = 0
    ORDER BY prepared
    LIMIT 1
) AS prepared ON true
ORDER BY cardinality(coalesce(holding.tables, ARRAY[]::text[])) DESC, waiting DESC, found.pid
LIMIT 10
