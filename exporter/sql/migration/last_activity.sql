-- migration/last_activity.sql
-- Question: How long ago were the last event and the last processed job?
-- Parameters:
--   latest double precision: Unix seconds; a later time does not count
-- Columns:
--   last_event double precision null: seconds since the newest event; null without events
--   last_processed double precision null: seconds since the newest completion; null without completions
-- Index: idx_job_outbox_cleanup (processed_at); fsm_events (created_at) where there is one, else the whole table
-- Source: migrations reference, rollback prerequisites: no active course generations
SELECT
    extract(epoch FROM now() - (
        SELECT max(created_at)::timestamptz
        FROM {fsm_events}
        WHERE created_at > to_timestamp(0)
          AND created_at <= to_timestamp(%(latest)s::double precision)
    ))::double precision AS last_event,
    extract(epoch FROM now() - (
        SELECT max(processed_at)::timestamptz
        FROM {job_outbox}
        WHERE processed_at > to_timestamp(0)
          AND processed_at <= to_timestamp(%(latest)s::double precision)
    ))::double precision AS last_processed
