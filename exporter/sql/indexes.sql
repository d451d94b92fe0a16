-- indexes.sql
-- Question: Which indexes may a statement rely on, and how many different values does a column hold?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
-- Columns:
--   table_name text not null: as asked
--   columns text[] not null: the index's columns and expressions in order, as the server writes them; empty in the row
--     about a table alone
--   predicate text null: what a partial index is restricted to
--   rows double precision not null: rows of the table as last estimated; -1 when never
--   entities double precision null: different values of entity_id as last estimated; negative as a share of the rows;
--     null when nothing is known, when entity_id may be null or is no uuid (then there is no going by its values), and
--     in rows about indexes that it does not lead
--   table_pages bigint not null: pages of the table
--   index_pages bigint not null: pages of the index; 0 in the row about a table alone
--   skips boolean not null: the server skips by itself from one value of an index's first column to the next
-- Index: catalogue indexes only; reads no user table
-- Source: PostgreSQL documentation, pg_index (indisvalid, indisready) and pg_stats (n_distinct). An index that is
--   still being built, or whose building failed, is none; so is one without order (hash, BRIN). pg_stats tells nothing
--   to a role that is let in by a policy: for it there are as many entities as the table they refer to has rows.
--   What a partitioned table or index holds is in its partitions; autovacuum never analyses the parent ("Routine
--   Vacuuming"). pg-boss has indexes of its partitions that the whole does not have. PostgreSQL 18's release notes, "Allow skip scans of btree indexes".
SELECT
    c.relname::text AS table_name,
    ARRAY(
        SELECT pg_get_indexdef(i.indexrelid, key.position::integer, true)
        FROM unnest(i.indkey) WITH ORDINALITY AS key (attnum, position)
        WHERE key.position <= i.indnkeyatts
        ORDER BY key.position
    ) AS columns,
    pg_get_expr(i.indpred, i.indrelid) AS predicate,
    CASE WHEN c.relkind = 'p'
        THEN coalesce(
            (
                SELECT sum(part.reltuples)
                FROM pg_partition_tree(c.oid) AS tree
                JOIN pg_class AS part ON part.oid = tree.relid AND part.relkind = 'r' AND part.reltuples >= 0
            ),
            -1
        )
        ELSE c.reltuples
    END::double precision AS rows,
    CASE WHEN i.indkey[0] = entity.attnum AND entity.attnotnull AND entity.atttypid = 'uuid'::regtype THEN coalesce(
        (
            SELECT s.n_distinct::double precision
            FROM pg_stats AS s
            WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = 'entity_id'
            ORDER BY s.inherited DESC
            LIMIT 1
        ),
        (
            SELECT max(nullif(referenced.reltuples, -1))::double precision
            FROM pg_constraint AS f
            JOIN pg_class AS referenced ON referenced.oid = f.confrelid
            WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conkey = ARRAY[entity.attnum]
        )
    ) END AS entities,
    (held.in_table / current_setting('block_size')::bigint)::bigint AS table_pages,
    (held.in_index / current_setting('block_size')::bigint)::bigint AS index_pages,
    current_setting('server_version_num')::integer >= 180000 AS skips
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[])
LEFT JOIN LATERAL (
    SELECT own.indexrelid
    FROM pg_index AS own
    JOIN pg_class AS x ON x.oid = own.indexrelid
    JOIN pg_am AS m ON m.oid = x.relam AND m.amname = 'btree'
    WHERE own.indrelid = c.oid AND own.indisvalid AND own.indisready AND own.indislive
    UNION ALL
    -- One that the whole does not have, but each partition, stands for all of them.
    SELECT min(own.indexrelid)
    FROM pg_partition_tree(c.oid) AS part
    JOIN pg_index AS own ON own.indrelid = part.relid AND own.indisvalid AND own.indisready AND own.indislive
    JOIN pg_class AS x ON x.oid = own.indexrelid AND NOT x.relispartition
    JOIN pg_am AS m ON m.oid = x.relam AND m.amname = 'btree'
    WHERE c.relkind = 'p' AND part.isleaf
    GROUP BY substring(pg_get_indexdef(own.indexrelid) FROM ' USING .*')
    HAVING count(DISTINCT own.indrelid) = (
        SELECT count(*) FROM pg_partition_tree(c.oid) AS leaf WHERE leaf.isleaf
    )
) AS usable ON true
LEFT JOIN pg_index AS i ON i.indexrelid = usable.indexrelid
LEFT JOIN pg_attribute AS entity
    ON entity.attrelid = i.indrelid AND entity.attname = 'entity_id' AND entity.attnum > 0 AND NOT entity.attisdropped
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(pg_relation_size(file.oid)) FILTER (WHERE NOT file.is_index), 0) AS in_table,
        coalesce(sum(pg_relation_size(file.oid)) FILTER (WHERE file.is_index), 0) AS in_index
    FROM (
        SELECT whole.oid, whole.is_index
        FROM (VALUES (c.oid, false), (i.indexrelid, true)) AS whole (oid, is_index)
        WHERE c.relkind <> 'p'
        UNION ALL
        SELECT part.relid, whole.is_index
        FROM (VALUES (c.oid, false), (i.indexrelid, true)) AS whole (oid, is_index)
        CROSS JOIN LATERAL pg_partition_tree(whole.oid) AS part
        WHERE c.relkind = 'p' AND part.isleaf
    ) AS file (oid, is_index)
) AS held
WHERE n.nspname = %(schema)s::text
ORDER BY table_name, columns
