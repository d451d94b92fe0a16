-- migration/cron_policies.sql
-- Question: By which policies does row-level security show this role rows of pg_cron's tables?
-- Parameters:
--   tables text[]: names of the tables, in the schema cron
-- Columns:
--   table_name text not null: the table
--   permissive boolean not null: it admits; a restrictive one only takes away
--   condition text null: which rows may be seen; null when the policy has none
-- Index: pg_policy (polrelid, polname). Reads no row of the tables; pg_get_expr takes ACCESS SHARE on them from
--   PostgreSQL 18 on, for the length of the transaction
-- Source: pg_policy; setup/grant_migration_access.sql
SELECT
    mine.table_name,
    mine.polpermissive AS permissive,
    pg_get_expr(mine.polqual, mine.polrelid) AS condition
-- OFFSET: expressions of policies of other tables, which may be locked, are not evaluated.
FROM (
    SELECT c.relname::text AS table_name, p.*
    FROM pg_namespace AS n
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[])
    JOIN pg_policy AS p ON p.polrelid = c.oid
    WHERE n.nspname = 'cron'
      AND p.polcmd IN ('r', '*')
      AND (0 = ANY (p.polroles)
           OR EXISTS (
               SELECT FROM unnest(p.polroles) AS target (oid)
               WHERE target.oid <> 0 AND pg_has_role(target.oid, 'USAGE')
           ))
    OFFSET 0
) AS mine
ORDER BY mine.table_name, mine.polname
