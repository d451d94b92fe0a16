-- table_statistics.sql
-- Question: How large are these tables, how many of their rows does the server count as live and dead, and when were they
--   vacuumed?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
-- Columns:
--   table_name text not null: as asked; a partitioned table has a row for each partition with rows of its own
--   id bigint not null: oid of the table or the partition
--   size bigint null: bytes on disk, with indexes and TOAST; null when it was dropped meanwhile
--   counts boolean not null: this server counts: track_counts is on, and it is not a standby
--   live bigint null: live rows; null while they are unknown: since the statistics began, possibly by a reset, neither
--     VACUUM nor ANALYZE has counted them
--   dead bigint null: dead rows, likewise
--   changes bigint not null: rows inserted, updated and deleted since the statistics began
--   vacuums bigint not null: finished runs of VACUUM and of autovacuum since the statistics began
--   vacuumed_at double precision null: end of the last of them, Unix seconds; null before the first
-- Index: pg_class (relname, relnamespace), pg_inherits (inhparent); reads no user table. Sizes take ACCESS SHARE on each for
--   the length of the transaction, and are those of its files
-- Source: PostgreSQL documentation, "The Cumulative Statistics System" and "Database Object Size Functions". A table
--   without a file's page has no rows, whatever was counted
WITH RECURSIVE tree AS (
    SELECT c.relname::text AS table_name, c.oid, c.relkind
    FROM pg_namespace AS n
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[])
    WHERE n.nspname = %(schema)s::text
    UNION ALL
    SELECT tree.table_name, c.oid, c.relkind
    FROM tree
    JOIN pg_inherits AS i ON tree.relkind = 'p' AND i.inhparent = tree.oid
    JOIN pg_class AS c ON c.oid = i.inhrelid
), part AS (
    SELECT
        tree.table_name,
        tree.oid,
        pg_relation_size(tree.oid) = 0 AS is_empty,
        greatest(
            pg_stat_get_last_vacuum_time(tree.oid), pg_stat_get_last_autovacuum_time(tree.oid)
        ) AS vacuumed_at,
        greatest(
            pg_stat_get_last_analyze_time(tree.oid), pg_stat_get_last_autoanalyze_time(tree.oid)
        ) AS analyzed_at
    FROM tree
    WHERE tree.relkind = 'r'
)
SELECT
    part.table_name,
    part.oid::bigint AS id,
    pg_total_relation_size(part.oid) AS size,
    current_setting('track_counts')::boolean AND NOT pg_is_in_recovery() AS counts,
    CASE
        WHEN part.is_empty THEN 0
        WHEN part.vacuumed_at IS NOT NULL OR part.analyzed_at IS NOT NULL THEN pg_stat_get_live_tuples(part.oid)
    END AS live,
    CASE
        WHEN part.is_empty THEN 0
        WHEN part.vacuumed_at IS NOT NULL OR part.analyzed_at IS NOT NULL THEN pg_stat_get_dead_tuples(part.oid)
    END AS dead,
    pg_stat_get_tuples_inserted(part.oid) + pg_stat_get_tuples_updated(part.oid)
        + pg_stat_get_tuples_deleted(part.oid) AS changes,
    pg_stat_get_vacuum_count(part.oid) + pg_stat_get_autovacuum_count(part.oid) AS vacuums,
    extract(epoch FROM part.vacuumed_at)::double precision AS vacuumed_at
FROM part
ORDER BY part.table_name, part.oid
