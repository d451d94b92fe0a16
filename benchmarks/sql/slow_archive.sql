-- Makes every read of fsm_events slow: old events are on another server, in a view that sleeps.
-- The table remains an ordinary table with all its indexes; a foreign table inherits from it, so that each read of events
-- includes the archive. (The exporter refuses a view in place of the table: its rows cannot be proved complete.)
-- The only row of the archive is a year old: no result changes, only the duration. OFFSET 0 keeps conditions outside, so
-- that none of them prevents the sleep.
-- Places: host, port, database, seconds
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SCHEMA archive;
CREATE VIEW archive.fsm_events AS
SELECT event_id, entity_id, event_type, event_data, created_at, created_by, user_id
FROM (
  SELECT
    pg_sleep({seconds}) AS nap,
    gen_random_uuid() AS event_id,
    gen_random_uuid() AS entity_id,
    'FSM_INITIALIZED'::varchar(50) AS event_type,
    '{{}}'::jsonb AS event_data,
    clock_timestamp() - INTERVAL '1 year' AS created_at,
    'API'::varchar(20) AS created_by,
    gen_random_uuid() AS user_id
  OFFSET 0
) AS slow;
CREATE SERVER archive FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host {host}, port {port}, dbname {database});
CREATE USER MAPPING FOR PUBLIC SERVER archive OPTIONS (user 'postgres', password_required 'false');
CREATE FOREIGN TABLE public.fsm_events_archive () INHERITS (public.fsm_events)
  SERVER archive OPTIONS (schema_name 'archive', table_name 'fsm_events');
