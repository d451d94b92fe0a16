-- visibility.sql
-- Question: Can this role see every row of these tables, read these columns of them, and take them for what they are?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
--   columns text[]: columns that must be readable; one per entry of `column_tables`
--   column_tables text[]: the table of each column
--   column_kinds text[]: what each is read as: time, number (of a time), text, integer, id (a value that is never null),
--     removed (true, not 0 or not null where a row is no job any more), or '' for anything
--   zone text: by which columns of type timestamp are read; '' when it is not configured
-- Columns:
--   schema_name text not null: as asked, quoted where its name needs it
--   table_name text not null: schema and table, quoted where their names need it
--   schema_usable boolean not null: the schema exists and the role has USAGE on it
--   relkind text null: pg_class.relkind; null when there is no such relation
--   missing_columns text[] not null: columns that do not exist
--   unreadable_columns text[] not null: columns that the role may not SELECT
--   unfit_columns text[] not null: columns of a type that is not read as that kind, each with its type
--   zoneless_columns text[] not null: columns of type timestamp, which say no moment without a zone
--   nullable_columns text[] not null: columns that may hold NULL, each after its table's name as asked and a dot; of the
--     kind removed, also those that may hold false or 0
--   zone text null: the time zone that was set for the transaction; null where no column takes one
--   row_security boolean not null: row-level security applies to this role; then it is switched on for the transaction
--   opened boolean not null: a permissive policy lets this role read every row
--   narrowed_by text[] not null: restrictive policies that may take rows away again, once for each role they name
--   has_roles bigint[] not null: other roles, by oid, whose privileges this one has, and the answer rests on that
--   lacks_roles bigint[] not null: roles, by oid, whose privileges this one has not, and the answer rests on that
-- Index: catalogue indexes only; reads no user table and takes no lock on one
-- Source: PostgreSQL documentation, "Row Security Policies" and pg_policy. A policy without USING admits nothing.
--   "Date/Time Types": a timestamp is compared with a timestamptz, and turned into one, by the session's TimeZone; both
--   belong to one operator family, so an index on it serves (pg_amop). A domain is what it is made of; where that is
--   a domain again, nothing is proved. What is generated is stored or computed like any other value of its type.
SELECT
    quote_ident(%(schema)s::text) AS schema_name,
    format('%%I.%%I', %(schema)s::text, wanted.table_name) AS table_name,
    n.oid IS NOT NULL AND has_schema_privilege(n.oid, 'USAGE') AS schema_usable,
    c.relkind::text AS relkind,
    ARRAY(
        SELECT asked.name
        FROM unnest(%(columns)s::text[], %(column_tables)s::text[]) AS asked (name, table_name)
        WHERE asked.table_name = wanted.table_name
          AND c.oid IS NOT NULL
          AND asked.name <> ALL (coalesce(seen.found, ARRAY[]::text[]))
    ) AS missing_columns,
    coalesce(seen.unreadable, ARRAY[]::text[]) AS unreadable_columns,
    coalesce(seen.unfit, ARRAY[]::text[]) AS unfit_columns,
    coalesce(seen.zoneless, ARRAY[]::text[]) AS zoneless_columns,
    coalesce(seen.nullable, ARRAY[]::text[]) AS nullable_columns,
    CASE WHEN seen.zoneless IS NOT NULL AND %(zone)s::text <> ''
        THEN set_config('TimeZone', %(zone)s::text, true)
    END AS zone,
    -- A proven policy lets us see everything, and row_security = off would refuse to apply it. Whether it is
    -- proven is decided by the caller before it reads any row.
    CASE
        WHEN row_security_active(c.oid) THEN set_config('row_security', 'on', true) = 'on'
        ELSE false
    END AS row_security,
    coalesce(policies.opened, false) AS opened,
    coalesce(policies.narrowed_by, ARRAY[]::text[]) AS narrowed_by,
    coalesce(policies.has_roles, ARRAY[]::bigint[])
        || CASE
            WHEN c.relowner <> to_regrole(quote_ident(current_user)) AND pg_has_role(c.relowner, 'USAGE')
            THEN ARRAY[c.relowner::bigint]
            ELSE ARRAY[]::bigint[]
        END AS has_roles,
    coalesce(policies.lacks_roles, ARRAY[]::bigint[]) AS lacks_roles
FROM unnest(%(tables)s::text[]) AS wanted (table_name)
LEFT JOIN pg_namespace AS n ON n.nspname = %(schema)s::text
LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.table_name
-- All columns of the table by one descent of an index: one for each that is asked for would take more pages than all
-- the rest of a sample's beginning. LATERAL and OFFSET keep that order.
LEFT JOIN LATERAL (
    SELECT
        array_agg(col.name) AS found,
        array_agg(quote_ident(col.name)) FILTER (
            WHERE NOT has_column_privilege(c.oid, col.attnum, 'SELECT')
        ) AS unreadable,
        array_agg(col.name || ' ' || format_type(col.atttypid, col.atttypmod)) FILTER (
            WHERE NOT CASE col.kind
                WHEN 'time' THEN col.base IN ('timestamptz'::regtype, 'timestamp'::regtype)
                WHEN 'integer' THEN col.base IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
                WHEN 'number' THEN col.base IN (
                    'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'float8'::regtype
                )
                WHEN 'text' THEN col.category IN ('S', 'E') OR col.base IN (
                    'text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'name'::regtype,
                    'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype
                )
                WHEN 'id' THEN col.attnotnull
                ELSE true
            END
        ) AS unfit,
        array_agg(quote_ident(col.name)) FILTER (
            WHERE col.kind = 'time' AND col.base = 'timestamp'::regtype
        ) AS zoneless,
        array_agg(wanted.table_name || '.' || col.name) FILTER (
            WHERE NOT col.attnotnull OR col.kind = 'removed' AND col.base IN (
                'bool'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype
            )
        ) AS nullable
    FROM (
        SELECT
            a.*,
            asked.kind,
            asked.place,
            -- Only types that somebody made need looking up: pg_type.h gives the others numbers below 10,000.
            CASE WHEN a.atttypid < 10000 THEN a.atttypid
                ELSE (SELECT coalesce(nullif(t.typbasetype, 0), t.oid) FROM pg_type AS t WHERE t.oid = a.atttypid)
            END AS base,
            CASE WHEN a.atttypid < 10000 THEN ''
                ELSE (SELECT t.typcategory FROM pg_type AS t WHERE t.oid = a.atttypid)
            END AS category
        FROM (
            SELECT attname::text AS name, attnum, atttypid, atttypmod, attnotnull
            FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
            OFFSET 0
        ) AS a
        CROSS JOIN LATERAL (
            SELECT each.kind, each.place
            FROM unnest(%(columns)s::text[], %(column_tables)s::text[], %(column_kinds)s::text[])
                WITH ORDINALITY AS each (name, table_name, kind, place)
            WHERE each.name = a.name AND each.table_name = wanted.table_name
            OFFSET 0
        ) AS asked
        ORDER BY asked.place
    ) AS col
) AS seen ON c.oid IS NOT NULL
-- pg_get_expr locks the policy's table, so only policies that matter are looked at: OFFSET keeps the planner from
-- reading those of other tables, which somebody may have locked.
LEFT JOIN LATERAL (
    SELECT
        bool_or(p.applies AND p.polpermissive AND p.admits_all) AS opened,
        array_agg(p.polname::text) FILTER (WHERE p.applies AND NOT p.polpermissive AND NOT p.admits_all)
            AS narrowed_by,
        array_agg(p.role::bigint) FILTER (
            WHERE p.applies AND p.role NOT IN (0, to_regrole(quote_ident(current_user)))
        ) AS has_roles,
        array_agg(p.role::bigint) FILTER (WHERE NOT p.applies) AS lacks_roles
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
