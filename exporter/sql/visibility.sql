-- visibility.sql
-- Question: Can this role see every row of these tables, and read these columns of them?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
--   columns text[]: columns that must be readable; one per entry of `column_tables`
--   column_tables text[]: the table of each column
-- Columns:
--   schema_name text not null: as asked, quoted where its name needs it
--   table_name text not null: schema and table, quoted where their names need it
--   schema_usable boolean not null: the schema exists and the role has USAGE on it
--   relkind text null: pg_class.relkind; null when there is no such relation
--   missing_columns text[] not null: columns that do not exist
--   unreadable_columns text[] not null: columns that the role may not SELECT
--   row_security boolean not null: row-level security applies to this role; then it is switched on for the transaction
--   opened boolean not null: a permissive policy lets this role read every row
--   narrowed_by text[] not null: restrictive policies that may take rows away again
--   has_roles bigint[] not null: other roles, by oid, whose privileges this one has, and the answer rests on that
--   lacks_roles bigint[] not null: roles, by oid, whose privileges this one has not, and the answer rests on that
-- Index: catalogue indexes only; reads no user table and takes no lock on one
-- Source: PostgreSQL documentation, "Row Security Policies" and pg_policy. A policy without USING admits nothing.
SELECT
    quote_ident(%(schema)s::text) AS schema_name,
    format('%%I.%%I', %(schema)s::text, wanted.table_name) AS table_name,
    n.oid IS NOT NULL AND has_schema_privilege(n.oid, 'USAGE') AS schema_usable,
    c.relkind::text AS relkind,
    ARRAY(
        SELECT col.name
        FROM unnest(%(columns)s::text[], %(column_tables)s::text[]) AS col (name, table_name)
        WHERE col.table_name = wanted.table_name
          AND c.oid IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM pg_attribute AS a
              WHERE a.attrelid = c.oid AND a.attname = col.name AND a.attnum > 0 AND NOT a.attisdropped
          )
    ) AS missing_columns,
    ARRAY(
        SELECT col.name
        FROM unnest(%(columns)s::text[], %(column_tables)s::text[]) AS col (name, table_name)
        JOIN pg_attribute AS a
            ON a.attrelid = c.oid AND a.attname = col.name AND a.attnum > 0 AND NOT a.attisdropped
        WHERE col.table_name = wanted.table_name
          AND NOT has_column_privilege(c.oid, a.attnum, 'SELECT')
    ) AS unreadable_columns,
    -- A proven policy lets us see everything, and row_security = off would refuse to apply it. Whether it is proven is
    -- for the caller to judge before it reads any row.
    CASE
        WHEN row_security_active(c.oid) THEN set_config('row_security', 'on', true) = 'on'
        ELSE false
    END AS row_security,
    coalesce(policies.opened, false) AS opened,
    coalesce(policies.narrowed_by, ARRAY[]::text[]) AS narrowed_by,
    coalesce(policies.has_roles, ARRAY[]::bigint[])
        || CASE
            WHEN c.relowner <> me.oid AND pg_has_role(c.relowner, 'USAGE') THEN ARRAY[c.relowner::bigint]
            ELSE ARRAY[]::bigint[]
        END AS has_roles,
    coalesce(policies.lacks_roles, ARRAY[]::bigint[]) AS lacks_roles
FROM unnest(%(tables)s::text[]) AS wanted (table_name)
CROSS JOIN to_regrole(quote_ident(current_user)) AS me (oid)
LEFT JOIN pg_namespace AS n ON n.nspname = %(schema)s::text
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.table_name
-- pg_get_expr locks the policy's table, so only policies that matter are looked at: OFFSET keeps the planner from
-- reading those of other tables, which somebody may have locked.
LEFT JOIN LATERAL (
    SELECT
        bool_or(p.applies AND p.polpermissive AND p.admits_all) AS opened,
        array_agg(DISTINCT p.polname::text) FILTER (WHERE p.applies AND NOT p.polpermissive AND NOT p.admits_all)
            AS narrowed_by,
        array_agg(DISTINCT p.role::bigint) FILTER (WHERE p.applies AND p.role NOT IN (0, me.oid)) AS has_roles,
        array_agg(DISTINCT p.role::bigint) FILTER (WHERE NOT p.applies) AS lacks_roles
    FROM (
        SELECT
            mine.polname,
            mine.polpermissive,
            mine.role,
            mine.applies,
            CASE
                WHEN mine.applies
                THEN coalesce(pg_get_expr(mine.polqual, mine.polrelid) = 'true', NOT mine.polpermissive)
            END AS admits_all
        FROM (
            SELECT policy.*, target.oid AS role, target.oid = 0 OR pg_has_role(target.oid, 'USAGE') AS applies
            FROM pg_policy AS policy
            CROSS JOIN LATERAL unnest(policy.polroles) AS target (oid)
            WHERE policy.polrelid = c.oid AND policy.polcmd IN ('r', '*') AND row_security_active(c.oid)
            OFFSET 0
        ) AS mine
        OFFSET 0
    ) AS p
) AS policies ON true
ORDER BY wanted.table_name
