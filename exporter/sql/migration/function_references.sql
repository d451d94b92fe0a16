-- migration/function_references.sql
-- Question: Which other functions name the migration's tables in their source, so that they fail once the tables are
--   dropped?
-- Parameters:
--   tables text[]: the tables
--   functions text[]: the migration's own functions
-- Columns:
--   function text not null: schema and name
-- Index: none; reads pg_proc once
-- Source: PostgreSQL documentation, "Dependency Tracking": names in the source of functions are not tracked
SELECT DISTINCT format('%%I.%%I', n.nspname, p.proname) AS function
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT p.proname = ANY (%(functions)s::text[])
  AND p.prosrc ~ ('\m(' || array_to_string(%(tables)s::text[], '|') || ')\M')
ORDER BY 1
