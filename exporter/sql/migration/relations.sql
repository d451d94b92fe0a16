-- migration/relations.sql
-- Question: Do these relations exist, of what kind are they, and is row-level security on?
-- Parameters:
--   schemas text[]: the schema of each relation
--   tables text[]: the name of each relation
--   functions text[]: names of the functions, in the same schema, that have to work on these relations
--   policies text[]: names of the policies that let no owner in
-- Columns:
--   schema_name text not null: as asked
--   table_name text not null: as asked
--   kind text null: pg_class.relkind; null when there is no such relation
--   persistence text null: pg_class.relpersistence: p, u or t; null when there is no such relation
--   partition_key text[] not null: columns of the partition key; empty when it is not partitioned by columns
--   row_security boolean not null: row-level security is enabled
--   hidden_from text[] not null: owners of these functions, as whom they run, to whom row-level security applies and
--     whom no other policy may admit
--   id_type text null: type of the column `id`; null when there is none
--   id_unique boolean not null: `id` alone is the primary key or unique, so that it can be referenced
--   file bigint null: pg_class.relfilenode, another one after the table was rewritten or truncated
--   options text[] not null: storage parameters
--   triggers text[] not null: name, state, type and function of each trigger that a person made
-- Index: catalogue indexes only; reads no user table and takes no lock on one
-- Source: migrations reference, "Dependency Chain". PostgreSQL documentation, "Row Security Policies": it applies to
--   roles that are neither owner nor superuser and do not have BYPASSRLS, and to owners where it is forced
SELECT
    wanted.schema_name,
    wanted.table_name,
    c.relkind::text AS kind,
    c.relpersistence::text AS persistence,
    ARRAY(
        SELECT key.attname::text
        FROM pg_partitioned_table AS part
        CROSS JOIN unnest(part.partattrs::smallint[]) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute AS key ON key.attrelid = part.partrelid AND key.attnum = k.attnum AND k.attnum > 0
        WHERE part.partrelid = c.oid
        ORDER BY k.place
    ) AS partition_key,
    coalesce(c.relrowsecurity, false) AS row_security,
    ARRAY(
        SELECT DISTINCT r.rolname::text
        FROM pg_proc AS f
        JOIN pg_roles AS r ON r.oid = f.proowner AND NOT r.rolsuper AND NOT r.rolbypassrls
        WHERE f.pronamespace = n.oid
          AND f.proname = ANY (%(functions)s::text[])
          AND f.prosecdef
          AND c.relrowsecurity
          AND (c.relforcerowsecurity OR NOT pg_has_role(r.oid, c.relowner, 'USAGE'))
          AND NOT EXISTS (
              SELECT FROM pg_policy AS p
              CROSS JOIN unnest(p.polroles) AS target (oid)
              WHERE p.polrelid = c.oid
                AND p.polpermissive
                AND p.polname <> ALL (%(policies)s::text[])
                AND CASE WHEN target.oid = 0 THEN true ELSE pg_has_role(r.oid, target.oid, 'USAGE') END
          )
        ORDER BY 1
    ) AS hidden_from,
    format_type(a.atttypid, a.atttypmod) AS id_type,
    EXISTS (
        SELECT FROM pg_index AS i
        WHERE i.indrelid = c.oid
          AND i.indisunique
          AND i.indisvalid
          AND i.indnkeyatts = 1
          AND i.indkey[0] = a.attnum
          AND i.indpred IS NULL
    ) AS id_unique,
    c.relfilenode::bigint AS file,
    coalesce(c.reloptions, ARRAY[]::text[]) AS options,
    ARRAY(
        SELECT format('%%s %%s %%s %%s', t.tgname, t.tgenabled, t.tgtype, t.tgfoid)
        FROM pg_trigger AS t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal
        ORDER BY t.tgname
    ) AS triggers
FROM unnest(%(schemas)s::text[], %(tables)s::text[]) WITH ORDINALITY AS wanted (schema_name, table_name, place)
LEFT JOIN pg_namespace AS n ON n.nspname = wanted.schema_name
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.table_name
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id' AND NOT a.attisdropped
ORDER BY wanted.place
