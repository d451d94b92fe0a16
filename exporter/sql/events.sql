-- events.sql
-- Question: How many FSM events of each source and type came in the last hour, and which are new?
-- Parameters:
--   since double precision: Unix seconds of the oldest created_at that may be new to the caller
-- Columns:
--   source text not null: created_by
--   event text not null: event_type
--   last_hour bigint not null: rows created in the last hour
--   recent_ids text[] null: event_id of the rows created at or after `since`; null when there is none
--   recent_at double precision[] null: created_at of those rows, Unix seconds, in the same order
-- Index: one on (created_at) when the schema has it; else the table is read once
-- Source: migrations reference, "Recent FSM events" and "FSM events by source". One pass answers both and feeds the
--   counters, because the deployed schema has no index on created_at and the table is never pruned.
SELECT
    created_by::text AS source,
    event_type::text AS event,
    count(*) FILTER (WHERE created_at >= now() - interval '1 hour') AS last_hour,
    array_agg(event_id::text)
        FILTER (WHERE created_at >= to_timestamp(%(since)s::double precision)) AS recent_ids,
    array_agg(extract(epoch FROM created_at)::double precision)
        FILTER (WHERE created_at >= to_timestamp(%(since)s::double precision)) AS recent_at
FROM {fsm_events}
WHERE created_at >= least(now() - interval '1 hour', to_timestamp(%(since)s::double precision))
GROUP BY created_by, event_type
ORDER BY last_hour DESC, source, event
