-- events.sql
-- Question: How many FSM events of each source and type came in the last hour, and which are new?
-- Parameters:
--   since double precision: Unix seconds of the oldest created_at that may be new to the caller
--   until double precision: Unix seconds of the oldest created_at from which on events are listed
-- Columns:
--   source text not null: created_by
--   event text not null: event_type
--   last_hour bigint not null: rows created in the last hour
--   settled_events bigint not null: rows created from `since` to before `until`
--   settled_micros bigint not null: how much later than `since` each of these is, all together, microseconds
--   recent_ids text[] null: event_id of the rows created at or after `until`; null when there is none
--   recent_at double precision[] null: created_at of those rows, Unix seconds, in the same order
-- Index: one on (created_at) when the schema has it; else the table is read once
-- Source: migrations reference, "Recent FSM events" and "FSM events by source". One pass answers both and feeds the
--   counters, because the deployed schema has no index on created_at and the table is never pruned. What the caller
--   knows already it knows again by a count and a sum, as in processed_since.sql.
SELECT
    created_by::text AS source,
    event_type::text AS event,
    count(*) FILTER (WHERE created_at >= now() - interval '1 hour') AS last_hour,
    count(*) FILTER (WHERE is_settled) AS settled_events,
    coalesce(sum((extract(epoch FROM later) * 1000000)::bigint) FILTER (WHERE is_settled), 0)::bigint AS settled_micros,
    array_agg(event_id::text) FILTER (WHERE is_recent) AS recent_ids,
    array_agg(extract(epoch FROM created_at)::double precision) FILTER (WHERE is_recent) AS recent_at
FROM (
    SELECT
        event_id,
        created_by,
        event_type,
        created_at,
        created_at - to_timestamp(%(since)s::double precision) AS later,
        created_at >= to_timestamp(%(since)s::double precision)
            AND created_at < to_timestamp(%(until)s::double precision) AS is_settled,
        created_at >= to_timestamp(%(until)s::double precision) AS is_recent
    FROM {fsm_events}
    WHERE created_at >= least(now() - interval '1 hour', to_timestamp(%(since)s::double precision))
) AS events
GROUP BY created_by, event_type
ORDER BY last_hour DESC, source, event
