-- vacuum_horizon.sql
-- Question: Which transactions, snapshots and replication slots keep dead rows of this database from being removed, the
--   oldest first?
-- Parameters:
-- Columns:
--   kind text not null: session, prepared_transaction, replication_slot or, where it has no slot, standby
--   xid text not null: the oldest transaction whose effects it keeps
--   age bigint not null: transactions begun since that one
--   pid integer null: process of the session
--   name text null: application_name of the session or the standby; name of the slot
--   role text null: role of the session, owner of the prepared transaction; null for a process of the server's own
--   database text null: database of the session or of the prepared transaction
--   state text null: state of the session; null for a role without the privileges of pg_read_all_stats, as `since`
--   since double precision null: begin of the session's transaction, or time of PREPARE TRANSACTION, Unix seconds; null
--     for a slot
-- Index: none, reads no table; the server's list of sessions
-- Source: PostgreSQL documentation, pg_stat_activity, pg_prepared_xacts, pg_replication_slots and "Routine Vacuuming".
--   A snapshot shows the oldest transaction that ran when it was taken: while that still runs, prepared or in a session,
--   it is the cause, and those who show it are not. A snapshot holds rows of its own database; a transaction those of all,
--   by the snapshots of others. A slot's catalog_xmin holds no row of an ordinary table
WITH running AS (
    SELECT
        'session' AS kind,
        a.backend_xid AS xid,
        a.pid,
        a.application_name AS name,
        a.usename AS role,
        a.datname AS database,
        a.state,
        a.xact_start AS since
    FROM pg_stat_activity AS a
    WHERE a.backend_xid IS NOT NULL
    UNION ALL
    SELECT 'prepared_transaction', p.transaction, NULL, NULL, p.owner, p.database, NULL, p.prepared
    FROM pg_prepared_xacts AS p
), showing AS (
    SELECT
        -- A WAL sender has no database: it holds the rows of all of them for its standby.
        CASE WHEN a.datname IS NULL THEN 'standby' ELSE 'session' END AS kind,
        a.backend_xmin AS xid,
        a.pid,
        a.application_name AS name,
        a.usename AS role,
        a.datname AS database,
        a.state,
        a.xact_start AS since
    FROM pg_stat_activity AS a
    WHERE a.backend_xmin IS NOT NULL
      AND a.pid <> pg_backend_pid()
      AND (a.datname = current_database() OR a.datname IS NULL)
      -- VACUUM and logical decoding show what they hold, and the server does not count it.
      AND a.pid NOT IN (SELECT vacuum.pid FROM pg_stat_progress_vacuum AS vacuum)
      AND NOT EXISTS (
          SELECT FROM pg_replication_slots AS s WHERE s.slot_type = 'logical' AND s.active_pid = a.pid
      )
    UNION ALL
    SELECT 'replication_slot', s.xmin, NULL, s.slot_name, NULL, NULL, NULL, NULL
    FROM pg_replication_slots AS s
    WHERE s.xmin IS NOT NULL AND s.wal_status IS DISTINCT FROM 'lost'
)
SELECT
    holder.kind,
    holder.xid::text AS xid,
    age(holder.xid)::bigint AS age,
    holder.pid,
    nullif(holder.name, '')::text AS name,
    holder.role::text AS role,
    holder.database::text AS database,
    holder.state,
    extract(epoch FROM holder.since)::double precision AS since
FROM (
    SELECT * FROM running
    UNION ALL
    SELECT * FROM showing WHERE showing.xid::text NOT IN (SELECT running.xid::text FROM running)
) AS holder
ORDER BY age DESC, holder.since, holder.kind
LIMIT 5
