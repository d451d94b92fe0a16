-- indexes.sql
-- Question: Which indexes may a statement rely on, and how many different values does a column hold?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
-- Columns:
--   table_name text not null: as asked
--   columns text[] not null: the index's columns in order, '' for an expression; empty in the row about a table alone
--   predicate text null: what a partial index is restricted to
--   rows double precision not null: rows of the table as last estimated; -1 when never
--   entities double precision null: different values of entity_id as last estimated; negative as a share of the rows
-- Index: catalogue indexes only; reads no user table
-- Source: PostgreSQL documentation, pg_index (indisvalid, indisready) and pg_stats (n_distinct). An index that is
--   still being built, or whose building failed, is none; so is one without order (hash, BRIN). pg_stats tells nothing
--   to a role that is let in by a policy: for it there are as many entities as the table they refer to has rows.
SELECT
    c.relname::text AS table_name,
    ARRAY(
        SELECT coalesce(a.attname::text, '')
        FROM unnest(i.indkey) WITH ORDINALITY AS key (attnum, position)
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = key.attnum
        WHERE key.position <= i.indnkeyatts
        ORDER BY key.position
    ) AS columns,
    pg_get_expr(i.indpred, i.indrelid) AS predicate,
    c.reltuples::double precision AS rows,
    coalesce(
        (
            SELECT s.n_distinct::double precision
            FROM pg_stats AS s
            WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = 'entity_id'
            ORDER BY s.inherited DESC
            LIMIT 1
        ),
        (
            SELECT max(nullif(referenced.reltuples, -1))::double precision
            FROM pg_attribute AS a
            JOIN pg_constraint AS f ON f.conrelid = a.attrelid AND f.contype = 'f' AND f.conkey = ARRAY[a.attnum]
            JOIN pg_class AS referenced ON referenced.oid = f.confrelid
            WHERE a.attrelid = c.oid AND a.attname = 'entity_id'
        )
    ) AS entities
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[])
LEFT JOIN (
    pg_index AS i
    JOIN pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_am AS m ON m.oid = x.relam AND m.amname = 'btree'
) ON i.indrelid = c.oid AND i.indisvalid AND i.indisready AND i.indislive
WHERE n.nspname = %(schema)s::text
ORDER BY table_name, columns
