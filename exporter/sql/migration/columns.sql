-- migration/columns.sql
-- Question: Which columns do these tables have?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
-- Columns:
--   table_name text not null: the table
--   name text not null: the column
--   type text not null: as format_type prints it
--   nullable boolean not null: NULL is allowed
--   default_expression text null: null when there is none; an identity or generated column counts as one
-- Index: catalogue indexes only. Reads no row of the tables; pg_get_expr takes ACCESS SHARE on them from PostgreSQL
--   18 on, for the length of the transaction
-- Source: migrations reference, "Tables Created"
SELECT
    c.relname::text AS table_name,
    a.attname::text AS name,
    format_type(a.atttypid, a.atttypmod) AS type,
    NOT a.attnotnull AS nullable,
    CASE
        WHEN a.attidentity <> '' THEN 'identity'
        WHEN a.attgenerated <> '' THEN 'generated'
        ELSE pg_get_expr(d.adbin, d.adrelid)
    END AS default_expression
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[]) AND c.relkind IN ('r', 'p')
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE n.nspname = %(schema)s::text
ORDER BY c.relname, a.attnum
