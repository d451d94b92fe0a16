-- defaults.sql
-- Question: Do answers depend on the role, the database or the pooler that the session comes from? Sets whatever they could
--   depend on to PostgreSQL's own default, for this transaction.
-- Parameters:
-- Columns:
--   settings bigint not null: how many had to be set
-- Index: none, reads no table
-- Source: PostgreSQL documentation, "Client Connection Defaults", "Version and Platform Compatibility", "Locale and
--   Formatting". A role or a database may have other defaults (ALTER ROLE ... SET), and a pooler may hand on those of
--   another client. client_encoding is the database's own: the server then converts no text, and so refuses none.
--   row_security off turns silently filtered rows into an error; visibility.sql turns it on for a proven policy.
--   Every name is qualified, operators too: the search_path is not ours yet.
SELECT pg_catalog.count(pg_catalog.set_config(fixed.name, fixed.value, true)) AS settings
FROM (VALUES
    ('search_path', 'pg_catalog, pg_temp'),
    ('client_encoding', pg_catalog.current_setting('server_encoding')),
    ('standard_conforming_strings', 'on'),
    ('array_nulls', 'on'),
    ('transform_null_equals', 'off'),
    ('quote_all_identifiers', 'off'),
    ('extra_float_digits', '1'),
    ('bytea_output', 'hex'),
    ('xmlbinary', 'base64'),
    ('xmloption', 'content'),
    ('DateStyle', 'ISO, MDY'),
    ('IntervalStyle', 'postgres'),
    ('TimeZone', 'UTC'),
    ('gin_fuzzy_search_limit', '0'),
    ('row_security', 'off'),
    ('exit_on_error', 'off'),
    ('max_parallel_workers_per_gather', '0'),
    ('jit', 'off'),
    -- Here is our transaction: every later statement of a session asks for this.
    ('outbox_exporter.sample', 'on')
) AS fixed (name, value)
-- Reading a setting is cheaper than setting it and, at COMMIT, resetting it.
WHERE (pg_catalog.current_setting(fixed.name, true) OPERATOR(pg_catalog.=) fixed.value) IS NOT TRUE
