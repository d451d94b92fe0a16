-- migration/functions.sql
-- Question: Which functions of these names exist, how are they defined, and which roles may call them?
-- Parameters:
--   schema text: the schema that holds the functions
--   names text[]: names of the functions
--   roles text[]: roles whose right to call is asked for, `public` for everybody; those that do not exist may not
-- Columns:
--   name text not null: the function
--   arguments text not null: types of its arguments, as DROP FUNCTION wants them
--   parameter_names text[] not null: names of the input parameters, empty texts where they have none
--   parameter_types text[] not null: types of the input parameters
--   optional integer not null: how many of the last parameters have a default
--   returns text not null: type of the result, `SETOF` included
--   ordinary boolean not null: a function, not a procedure or aggregate
--   volatile boolean not null: declared VOLATILE, as a function that writes has to be
--   security_definer boolean not null: runs with its owner's rights
--   search_path text null: the pinned search_path; null when none is
--   language text not null: such as plpgsql
--   body text not null: its source; empty for a body in SQL-standard form
--   callers text[] not null: those of `roles` that may use the schema and execute the function
--   creators text[] not null: those of `roles` that may create objects in the schema
-- Index: pg_proc (proname, ...); reads no user table
-- Source: migrations reference, "Function Signature" and "RPC Function Not Working"; pg_proc
SELECT
    p.proname::text AS name,
    -- Not oidvectortypes: it leaves out what format_type knows.
    array_to_string(ARRAY(SELECT format_type(t.oid, NULL) FROM unnest(p.proargtypes::oid[]) AS t (oid)), ', ')
        AS arguments,
    ARRAY(
        SELECT coalesce(p.proargnames[k.place], '')
        FROM unnest(
            coalesce(p.proargmodes::text[], array_fill('i'::text, ARRAY[p.pronargs::integer]))
        ) WITH ORDINALITY AS k (mode, place)
        WHERE k.mode IN ('i', 'b', 'v')
        ORDER BY k.place
    ) AS parameter_names,
    ARRAY(SELECT format_type(t.oid, NULL) FROM unnest(p.proargtypes::oid[]) AS t (oid)) AS parameter_types,
    p.pronargdefaults::integer AS optional,
    pg_get_function_result(p.oid) AS returns,
    p.prokind = 'f' AS ordinary,
    p.provolatile = 'v' AS volatile,
    p.prosecdef AS security_definer,
    (
        SELECT substr(setting, length('search_path=') + 1)
        FROM unnest(p.proconfig) AS setting
        WHERE setting LIKE 'search\_path=%%'
    ) AS search_path,
    l.lanname::text AS language,
    p.prosrc AS body,
    ARRAY(
        SELECT role.name
        FROM unnest(%(roles)s::text[]) AS role (name)
        WHERE CASE
            WHEN role.name = 'public' OR EXISTS (SELECT FROM pg_roles WHERE rolname = role.name)
            THEN has_function_privilege(role.name, p.oid, 'EXECUTE') AND has_schema_privilege(role.name, n.oid, 'USAGE')
        END
    ) AS callers,
    ARRAY(
        SELECT role.name
        FROM unnest(%(roles)s::text[]) AS role (name)
        WHERE CASE
            WHEN role.name = 'public' OR EXISTS (SELECT FROM pg_roles WHERE rolname = role.name)
            THEN has_schema_privilege(role.name, n.oid, 'CREATE')
        END
    ) AS creators
FROM pg_namespace AS n
JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = ANY (%(names)s::text[])
JOIN pg_language AS l ON l.oid = p.prolang
WHERE n.nspname = %(schema)s::text
ORDER BY p.proname, p.pronargs, arguments
