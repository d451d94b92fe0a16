-- migration/partitions.sql
-- Question: Which partitions do these tables have, do they survive a crash, and which roles may use them directly?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
--   outsiders text[]: roles that anybody may come in with, `public` for everybody
-- Columns:
--   table_name text not null: the table, however deep the partition is
--   schema_name text not null: the partition's own schema
--   name text not null: the partition
--   persistence text not null: pg_class.relpersistence: p, u or t
--   fires boolean not null: none of the triggers of its references is disabled
--   row_security boolean not null: row-level security is enabled on the partition itself
--   policies text[] not null: permissive policies of the partition's own
--   open_to text[] not null: those of `outsiders` who have a privilege on the partition itself
-- Index: pg_inherits (inhparent); reads no user table and takes no lock on one
-- Source: PostgreSQL documentation, "Row Security Policies" and "ALTER TABLE ... ATTACH PARTITION": a partition has its
--   own privileges and policies; those of its parent apply only to queries that name the parent
WITH RECURSIVE tree AS (
    SELECT c.relname::text AS table_name, c.oid
    FROM pg_namespace AS n
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[]) AND c.relkind = 'p'
    WHERE n.nspname = %(schema)s::text
    UNION ALL
    SELECT tree.table_name, i.inhrelid
    FROM tree
    JOIN pg_inherits AS i ON i.inhparent = tree.oid
)
SELECT
    tree.table_name,
    n.nspname::text AS schema_name,
    c.relname::text AS name,
    c.relpersistence::text AS persistence,
    NOT EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = c.oid AND t.tgconstraint <> 0 AND t.tgenabled NOT IN ('O', 'A')
    ) AS fires,
    c.relrowsecurity AS row_security,
    ARRAY(
        SELECT p.polname::text FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polpermissive ORDER BY p.polname
    ) AS policies,
    ARRAY(
        SELECT role.name
        FROM unnest(%(outsiders)s::text[]) AS role (name)
        WHERE CASE
            WHEN role.name = 'public' OR EXISTS (SELECT FROM pg_roles WHERE rolname = role.name)
            THEN has_schema_privilege(role.name, n.oid, 'USAGE')
                 AND (has_any_column_privilege(role.name, c.oid, 'SELECT, INSERT, UPDATE')
                      OR has_table_privilege(role.name, c.oid, 'DELETE, TRUNCATE'))
        END
    ) AS open_to
FROM tree
JOIN pg_class AS c ON c.oid = tree.oid AND c.relispartition
JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY tree.table_name, n.nspname, c.relname
