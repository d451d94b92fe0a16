-- migration/constraints.sql
-- Question: Which keys, references and checks do these tables have, and are they in force?
-- Parameters:
--   schema text: the schema that holds the tables
--   tables text[]: names of the tables
-- Columns:
--   table_name text not null: the table
--   name text not null: the constraint
--   kind text not null: pg_constraint.contype: p, f or c; n for a NOT NULL that is not validated (PostgreSQL 18)
--   columns text[] not null: the columns it is about, in its order
--   parent_schema text null: schema of the table referred to
--   parent_table text null: the table referred to
--   parent_columns text[] not null: the columns referred to; empty for other kinds
--   on_delete text null: pg_constraint.confdeltype: a, r, c, n or d
--   definition text null: text of a check
--   enforced boolean not null: rows are checked at all (PostgreSQL 18)
--   valid boolean not null: enforced, and checked for the rows that were there before it
--   fires boolean not null: none of its triggers is disabled
-- Index: catalogue indexes only; reads no user table
-- Source: migrations reference, "Tables Created"; pg_constraint, pg_trigger
SELECT
    c.relname::text AS table_name,
    con.conname::text AS name,
    con.contype::text AS kind,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(con.conkey) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = k.attnum
        ORDER BY k.place
    ) AS columns,
    pn.nspname::text AS parent_schema,
    p.relname::text AS parent_table,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(con.confkey) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute AS a ON a.attrelid = con.confrelid AND a.attnum = k.attnum
        ORDER BY k.place
    ) AS parent_columns,
    nullif(con.confdeltype::text, ' ') AS on_delete,
    CASE WHEN con.contype = 'c' THEN pg_get_constraintdef(con.oid) END AS definition,
    -- The column conenforced exists from PostgreSQL 18 on.
    coalesce((to_jsonb(con) ->> 'conenforced')::boolean, true) AS enforced,
    con.convalidated AND coalesce((to_jsonb(con) ->> 'conenforced')::boolean, true) AS valid,
    NOT EXISTS (
        SELECT FROM pg_trigger AS t WHERE t.tgconstraint = con.oid AND t.tgenabled NOT IN ('O', 'A')
    ) AS fires
FROM pg_namespace AS n
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = ANY (%(tables)s::text[]) AND c.relkind IN ('r', 'p')
JOIN pg_constraint AS con
    ON con.conrelid = c.oid AND (con.contype IN ('p', 'f', 'c') OR con.contype = 'n' AND NOT con.convalidated)
LEFT JOIN pg_class AS p ON p.oid = con.confrelid
LEFT JOIN pg_namespace AS pn ON pn.oid = p.relnamespace
WHERE n.nspname = %(schema)s::text
ORDER BY c.relname, con.conname
