-- migration/cron_zone.sql
-- Question: In which time zone does pg_cron read its schedules, as far as this role may see it?
-- Parameters:
-- Columns:
--   name text null: the setting cron.timezone, GMT where pg_cron has none; null when this role may not see it
--   ahead double precision null: seconds by which the zone is ahead of UTC now; null when the zone is not known
-- Index: none, reads no table; where the setting may be hidden, the control files of the server's extensions
-- Source: pg_cron, cron.timezone: since 1.5, visible to superusers and pg_read_all_settings only, "GMT" by default.
--   For other roles the query fails, which would end the transaction: so it is not run where pg_cron may be that new.
SELECT
    zone.name,
    extract(epoch FROM (now() AT TIME ZONE zone.name) - (now() AT TIME ZONE 'UTC'))::double precision AS ahead
FROM (
    SELECT CASE
        WHEN pg_has_role('pg_read_all_settings', 'USAGE')
             OR NOT EXISTS (
                 SELECT FROM pg_available_extensions() AS available
                 WHERE available.name = 'pg_cron'
                   AND string_to_array(substring(available.default_version FROM '^[0-9]+[.][0-9]+'), '.')::integer[]
                       >= ARRAY[1, 5]
             )
        THEN coalesce(nullif(current_setting('cron.timezone', true), ''), 'GMT')
    END AS name
    -- OFFSET: asked once.
    OFFSET 0
) AS zone
