-- migration/settings.sql
-- Question: Which database is this? Sets how expressions are printed, and that row-level security filters rows.
-- Parameters:
-- Columns:
--   database text not null: name of the database
--   server_version integer not null: such as 150004
--   server_settings text[] not null: settings in the server's configuration files that no session can change, as far as
--     this role may see them: each with a hash of its value
-- Index: none, reads no table
-- Source: PostgreSQL documentation, "Client Connection Defaults". Whether rows are hidden is read from the
--   catalogue (visibility.sql): a filtered table is read as far as it is visible, and a row that may be hidden is
--   unknown. Both settings end with the transaction.
SELECT
    current_database()::text AS database,
    current_setting('server_version_num')::integer AS server_version,
    ARRAY(
        SELECT s.name || ' ' || hashtext(coalesce(s.reset_val, ''))
        FROM pg_settings AS s
        WHERE s.context IN ('postmaster', 'sighup') AND s.source = 'configuration file'
        ORDER BY s.name
    ) AS server_settings
FROM (
    SELECT
        set_config('row_security', 'on', true),
        set_config('intervalstyle', 'postgres', true)
    -- OFFSET keeps the planner from dropping columns that nobody reads, and their effect with them.
    OFFSET 0
) AS settings
