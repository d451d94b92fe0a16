-- adoption/expressions.sql
-- Question: What does the database itself write into the columns of a table, and which values does it admit?
-- Parameters:
--   schema text: schema of the table
--   table text: its name
-- Columns:
--   column_name text not null: name of the column
--   default_value text null: the expression of its default
--   checks text[] not null: the check constraints over this column alone
--   zone text not null: the time zone of new sessions of this role in this database, the same in each row
-- Index: catalogue indexes only; reads no row, and locks the table as a SELECT does while it prints its expressions
-- Source: PostgreSQL documentation, pg_attrdef and pg_constraint
SELECT
    a.attname::text AS column_name,
    pg_get_expr(d.adbin, d.adrelid) AS default_value,
    ARRAY(
        SELECT pg_get_constraintdef(k.oid)
        FROM pg_constraint AS k
        WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated AND k.conkey = ARRAY[a.attnum]
        ORDER BY k.conname
    ) AS checks,
    (SELECT z.reset_val FROM pg_settings AS z WHERE z.name = 'TimeZone') AS zone
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = %(table)s::text
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum AND a.attgenerated = ''
WHERE n.nspname = %(schema)s::text
ORDER BY a.attnum
