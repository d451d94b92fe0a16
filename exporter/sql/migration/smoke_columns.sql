-- migration/smoke_columns.sql
-- Question: Which columns does this table have, and which of them need a value?
-- Parameters:
--   schema text: the schema of the table
--   table text: the table
-- Columns:
--   name text not null: the column
--   type text not null: its type, or that below a domain, without length
--   length integer null: the longest text, in characters
--   required boolean not null: NOT NULL, and nothing fills it
--   label text null: the first value of an enumeration
--   is_array boolean not null: an array of whatever
--   reference text null: name of the foreign key that it belongs to
--   parent_schema text null: schema of the table referred to
--   parent_table text null: the table referred to
--   parent_column text null: the column referred to
-- Index: catalogue indexes only; reads no user table
-- Source: pg_attribute, pg_constraint
SELECT
    a.attname::text AS name,
    coalesce(format_type(nullif(t.typbasetype, 0), NULL), format_type(a.atttypid, NULL)) AS type,
    CASE
        WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4 THEN a.atttypmod - 4
        WHEN t.typbasetype IN ('varchar'::regtype, 'bpchar'::regtype) AND t.typtypmod > 4 THEN t.typtypmod - 4
    END AS length,
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND t.typdefault IS NULL AS required,
    (
        SELECT e.enumlabel::text
        FROM pg_enum AS e
        WHERE e.enumtypid IN (t.oid, t.typbasetype)
        ORDER BY e.enumsortorder
        LIMIT 1
    ) AS label,
    t.typcategory = 'A' AS is_array,
    key.name AS reference,
    key.parent_schema,
    key.parent_table,
    key.parent_column
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = %(table)s::text
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN LATERAL (
    SELECT
        con.conname::text AS name,
        pn.nspname::text AS parent_schema,
        p.relname::text AS parent_table,
        pa.attname::text AS parent_column
    FROM pg_constraint AS con
    CROSS JOIN LATERAL unnest(con.conkey, con.confkey) AS pair (child, parent)
    JOIN pg_class AS p ON p.oid = con.confrelid
    JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
    JOIN pg_attribute AS pa ON pa.attrelid = p.oid AND pa.attnum = pair.parent
    WHERE con.conrelid = c.oid AND con.contype = 'f' AND pair.child = a.attnum
    ORDER BY con.conname
    LIMIT 1
) AS key ON true
WHERE n.nspname = %(schema)s::text
ORDER BY a.attnum
