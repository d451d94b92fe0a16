-- migration/leftovers.sql
-- Question: Is there any relation of these names left in the schema, of whatever kind?
-- Parameters:
--   schema text: the schema to look in
--   names text[]: names of tables and indexes
-- Columns:
--   name text not null: the relation
--   kind text not null: pg_class.relkind
-- Index: pg_class (relname, relnamespace); reads no user table
-- Source: migrations reference, rollback step 6
SELECT c.relname::text AS name, c.relkind::text AS kind
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(names)s::text[])
WHERE n.nspname = %(schema)s::text
ORDER BY c.relname
