-- adoption/columns.sql
-- Question: Which tables and views are there, and which columns do they have?
-- Parameters:
--   relation_limit bigint: so many tables and views at most, those with the smallest object identifiers
-- Columns:
--   schema_name text not null: schema of the table
--   table_name text not null: its name
--   kind text not null: pg_class.relkind: r and p are tables, v and m are views, f is a foreign table
--   row_security boolean not null: row-level security is on, or forced
--   below text[] not null: of a view, the tables and views that it reads directly, as schema.name
--   column_name text not null: name of the column
--   type text not null: its type without modifiers; of a domain, the type that it is made of
--   not_null boolean not null: it has a NOT NULL constraint
--   key_position integer null: its place in the primary key, or else in a unique index over columns that are not null
--   labels text[] not null: the labels of an enumeration, in their order
-- Index: catalogue indexes only; reads no user table and takes no lock on one
-- Source: PostgreSQL documentation, "System Catalogs". Partitions are read through their table; tables of extensions
--   are theirs. Every role may read these catalogues, whatever it may read of the tables.
SELECT
    n.nspname::text AS schema_name,
    c.relname::text AS table_name,
    c.relkind::text AS kind,
    c.relrowsecurity OR c.relforcerowsecurity AS row_security,
    CASE WHEN c.relkind IN ('v', 'm') THEN ARRAY(
        SELECT DISTINCT (below_schema.nspname || '.' || below.relname)::text
        FROM pg_rewrite AS r
        JOIN pg_depend AS d
            ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class AS below ON below.oid = d.refobjid AND below.oid <> c.oid AND below.relkind IN ('r', 'p', 'v', 'm')
        JOIN pg_namespace AS below_schema ON below_schema.oid = below.relnamespace
        WHERE r.ev_class = c.oid
        ORDER BY 1
    ) ELSE ARRAY[]::text[] END AS below,
    a.attname::text AS column_name,
    format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL) AS type,
    a.attnotnull AS not_null,
    array_position(key.attnums, a.attnum) AS key_position,
    CASE WHEN t.typtype = 'e' THEN ARRAY(
        SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder
    ) ELSE ARRAY[]::text[] END AS labels
FROM (
    SELECT each.oid, each.relname, each.relnamespace, each.relkind, each.relrowsecurity, each.relforcerowsecurity
    FROM pg_class AS each
    JOIN pg_namespace AS mine ON mine.oid = each.relnamespace
    WHERE each.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT each.relispartition
      AND each.relpersistence <> 't'
      AND mine.nspname !~ '^pg_' AND mine.nspname <> 'information_schema'
      AND NOT EXISTS (
          SELECT FROM pg_depend AS d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = each.oid AND d.deptype = 'e'
      )
    ORDER BY each.oid
    LIMIT %(relation_limit)s::bigint
) AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN LATERAL (
    SELECT i.indkey::smallint[] AS attnums
    FROM pg_index AS i
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      AND i.indnkeyatts = i.indnatts
      AND NOT EXISTS (
          SELECT FROM pg_attribute AS part
          WHERE part.attrelid = c.oid AND part.attnum = ANY (i.indkey::smallint[]) AND NOT part.attnotnull
      )
    ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid
    LIMIT 1
) AS key ON true
ORDER BY schema_name, table_name, a.attnum
