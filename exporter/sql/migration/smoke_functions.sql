-- migration/smoke_functions.sql
-- Question: What is the source of functions of these names, except PostgreSQL's own?
-- Parameters:
--   names text[]: names of functions
-- Columns:
--   function text not null: the function
--   language text not null: such as plpgsql
--   body text not null: its source
-- Index: pg_proc (proname, ...); reads no user table
-- Source: pg_proc
SELECT p.proname::text AS function, l.lanname::text AS language, p.prosrc AS body
FROM pg_proc AS p
JOIN pg_language AS l ON l.oid = p.prolang
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.proname = ANY (%(names)s::text[])
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY p.proname, p.oid
