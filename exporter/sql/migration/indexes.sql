-- migration/indexes.sql
-- Question: Which indexes do these tables have, over what, and can they be used?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
-- Columns:
--   table_name text not null: the table
--   name text not null: the index
--   columns text[] not null: key columns in order, quoted where needed; an empty text stands for an expression
--   predicate text null: of a partial index
--   usable boolean not null: valid, ready and alive
--   ordered boolean not null: a btree, which answers ranges and order
-- Index: catalogue indexes only. Reads no row of the tables; pg_get_expr takes ACCESS SHARE on them from PostgreSQL
--   18 on, for the length of the transaction
-- Source: deployed application, "Real indexes"
SELECT
    c.relname::text AS table_name,
    ic.relname::text AS name,
    ARRAY(
        SELECT CASE WHEN k.attnum = 0 THEN '' ELSE pg_get_indexdef(i.indexrelid, k.place::integer, false) END
        FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place)
        WHERE k.place <= i.indnkeyatts
        ORDER BY k.place
    ) AS columns,
    pg_get_expr(i.indpred, i.indrelid) AS predicate,
    i.indisvalid AND i.indisready AND i.indislive AS usable,
    am.amname = 'btree' AS ordered
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[]) AND c.relkind IN ('r', 'p')
JOIN pg_index AS i ON i.indrelid = c.oid
JOIN pg_class AS ic ON ic.oid = i.indexrelid
JOIN pg_am AS am ON am.oid = ic.relam
WHERE n.nspname = %(schema)s::text
ORDER BY c.relname, ic.relname
