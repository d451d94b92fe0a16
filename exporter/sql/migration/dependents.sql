-- migration/dependents.sql
-- Question: Which other objects depend on the objects that a rollback drops, so that DROP would fail?
-- Parameters:
--   schema text: the schema of the migration
--   tables text[]: its tables
--   functions text[]: its functions
-- Columns:
--   object text not null: the object, as PostgreSQL describes it
--   on_object text not null: what it depends on
-- Index: pg_depend (refclassid, refobjid, refobjsubid); reads no user table
-- Source: PostgreSQL documentation, "Dependency Tracking": dependencies of type `n` make DROP ... RESTRICT refuse
WITH tables AS (
    SELECT c.oid
    FROM pg_namespace AS n
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[])
    WHERE n.nspname = %(schema)s::text
),
dropped AS (
    SELECT 'pg_class'::regclass::oid AS class, oid FROM tables
    UNION ALL
    SELECT 'pg_type'::regclass::oid, t.oid
    FROM tables
    JOIN pg_type AS row_type ON row_type.typrelid = tables.oid
    JOIN pg_type AS t ON t.oid IN (row_type.oid, row_type.typarray)
    UNION ALL
    SELECT 'pg_proc'::regclass::oid, p.oid
    FROM pg_namespace AS n
    JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = ANY (%(functions)s::text[])
    WHERE n.nspname = %(schema)s::text
),
dependent AS (
    SELECT
        d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid,
        -- What belongs to a relation goes with it.
        CASE d.classid
            WHEN 'pg_class'::regclass THEN d.objid
            WHEN 'pg_constraint'::regclass THEN (SELECT conrelid FROM pg_constraint WHERE oid = d.objid)
            WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = d.objid)
            WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid)
            WHEN 'pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_attrdef WHERE oid = d.objid)
            WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = d.objid)
        END AS relation
    FROM dropped
    JOIN pg_depend AS d ON d.refclassid = dropped.class AND d.refobjid = dropped.oid AND d.deptype = 'n'
)
SELECT DISTINCT
    CASE
        WHEN dependent.classid = 'pg_rewrite'::regclass
        THEN pg_describe_object('pg_class'::regclass, dependent.relation, 0)
        ELSE pg_describe_object(dependent.classid, dependent.objid, dependent.objsubid)
    END AS object,
    pg_describe_object(dependent.refclassid, dependent.refobjid, 0) AS on_object
FROM dependent
WHERE (dependent.relation IS NULL OR dependent.relation NOT IN (SELECT oid FROM tables))
  AND NOT EXISTS (
      SELECT FROM dropped WHERE dropped.class = dependent.classid AND dropped.oid = dependent.objid
  )
ORDER BY 1, 2
