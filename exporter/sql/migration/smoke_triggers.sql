-- migration/smoke_triggers.sql
-- Question: Which triggers run when rows of these tables are inserted or deleted, or a temporary table is created?
-- Parameters:
--   schemas text[]: the schema of each table
--   tables text[]: the tables
-- Columns:
--   trigger text not null: name of the trigger, with its table
--   function text not null: name of its function
--   language text not null: such as plpgsql
--   body text not null: source of its function
-- Index: catalogue indexes only; reads no user table
-- Source: pg_trigger, pg_event_trigger. Triggers of constraints are PostgreSQL's own.
SELECT
    format('%%s on %%I.%%I', t.tgname, n.nspname, c.relname) AS trigger,
    p.proname::text AS function,
    l.lanname::text AS language,
    p.prosrc AS body
FROM unnest(%(schemas)s::text[], %(tables)s::text[]) AS wanted (schema_name, table_name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema_name
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.table_name
JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
JOIN pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_language AS l ON l.oid = p.prolang
UNION
SELECT format('event trigger %%s', e.evtname), p.proname::text, l.lanname::text, p.prosrc
FROM pg_event_trigger AS e
JOIN pg_proc AS p ON p.oid = e.evtfoid
JOIN pg_language AS l ON l.oid = p.prolang
WHERE e.evtenabled IN ('O', 'A')
  AND e.evtevent IN ('ddl_command_start', 'ddl_command_end')
  AND (e.evttags IS NULL OR 'CREATE TABLE' = ANY (e.evttags))
ORDER BY 1
