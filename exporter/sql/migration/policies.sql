-- migration/policies.sql
-- Question: Which row-level security policies do these tables have, and for whom?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
--   outsiders text[]: roles that anybody may come in with, `public` for everybody
-- Columns:
--   table_name text not null: the table
--   name text not null: the policy
--   permissive boolean not null: it admits; a restrictive one only takes away
--   command text not null: pg_policy.polcmd: r, a, w, d or *
--   using_expression text null: which rows may be seen; null when the policy has none
--   check_expression text null: which rows may be written; null when the policy has none
--   applies_to text[] not null: those of `outsiders` to whom it applies, by membership too
-- Index: catalogue indexes only. Reads no row of the tables; pg_get_expr takes ACCESS SHARE on them from PostgreSQL
--   18 on, for the length of the transaction
-- Source: deployed application, "Policies"; pg_policy
SELECT
    mine.table_name,
    mine.polname::text AS name,
    mine.polpermissive AS permissive,
    mine.polcmd::text AS command,
    pg_get_expr(mine.polqual, mine.polrelid) AS using_expression,
    pg_get_expr(mine.polwithcheck, mine.polrelid) AS check_expression,
    ARRAY(
        SELECT outsider.name
        FROM unnest(%(outsiders)s::text[]) AS outsider (name)
        LEFT JOIN pg_roles AS r ON r.rolname = outsider.name
        WHERE 0 = ANY (mine.polroles)
           OR EXISTS (
               SELECT FROM unnest(mine.polroles) AS target (oid)
               WHERE r.oid IS NOT NULL AND target.oid <> 0 AND pg_has_role(r.oid, target.oid, 'USAGE')
           )
        ORDER BY outsider.name
    ) AS applies_to
-- OFFSET: expressions of policies of other tables, which may be locked, are not evaluated.
FROM (
    SELECT c.relname::text AS table_name, p.*
    FROM pg_namespace AS n
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[])
    JOIN pg_policy AS p ON p.polrelid = c.oid
    WHERE n.nspname = %(schema)s::text
    OFFSET 0
) AS mine
ORDER BY mine.table_name, mine.polname
