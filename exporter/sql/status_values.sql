-- status_values.sql
-- Question: Which values may the status have, as far as the catalogue knows?
-- Parameters:
--   schema text: the schema that holds the table
--   table text: the name of the table of jobs
--   column text: the column of the status
-- Columns:
--   value text not null: the value
--   is_label boolean not null: a label of the enumeration; otherwise it stood in rows when ANALYZE last read some of them
-- Index: pg_class (relname, relnamespace), pg_attribute (attrelid, attname), pg_statistic, pg_enum; reads no user table
-- Source: PostgreSQL documentation, "pg_stats" and "pg_enum". pg_stats is empty for a role that may not read the column, and
--   for one to which row-level security applies, whatever its policies. Types whose equality is not that of their texts are left out
SELECT DISTINCT
    found.value,
    found.is_label
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = %(table)s::text
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = %(column)s::text AND NOT a.attisdropped
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
CROSS JOIN LATERAL (
    SELECT e.enumlabel::text AS value, true AS is_label
    FROM pg_enum AS e
    WHERE e.enumtypid = a.atttypid
    UNION ALL
    SELECT CASE WHEN a.atttypid = 'bpchar'::regtype THEN rtrim(each.value) ELSE each.value END, false
    FROM pg_stats AS s
    CROSS JOIN LATERAL unnest(s.most_common_vals::text::text[] || s.histogram_bounds::text::text[]) AS each (value)
    WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
        AND a.atttypid IN (
            'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype
        )
        AND l.collisdeterministic IS NOT false
) AS found
WHERE n.nspname = %(schema)s::text
ORDER BY found.is_label, found.value
