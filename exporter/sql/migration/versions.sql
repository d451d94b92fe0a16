-- migration/versions.sql
-- Question: Which migrations are recorded as applied, by version or by name?
-- Parameters:
--   versions text[]: documented versions
--   names text[]: documented names
-- Columns:
--   version text not null: as registered
--   name text null: as registered
-- Index: primary key (version); the table has one row per migration
-- Source: migrations reference, "relation already exists"
SELECT m.version::text AS version, m.name::text AS name
FROM supabase_migrations.schema_migrations AS m
WHERE m.version::text = ANY (%(versions)s::text[]) OR m.name::text = ANY (%(names)s::text[])
ORDER BY m.version
