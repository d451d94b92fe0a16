-- events_by_course.sql
-- Question: The same as events.sql, where there is no index on created_at but there are few courses.
-- Parameters:
--   since double precision: Unix seconds of the oldest created_at that may be new to the caller
--   until double precision: Unix seconds of the oldest created_at from which on events are listed
--   latest double precision: Unix seconds; an event of a later time is not of the last hour
--   latest_new double precision: Unix seconds; an event of a later time is not new yet
--   undated boolean: count the rows without a time, too; only a column that may be null has any
--   courses text[]: every course with events, from event_courses.sql in the same transaction
-- Columns:
--   source text null: created_by
--   event text null: event_type
--   slots bigint[] null: as in events.sql; here always null, because finding the courses takes more than their rows
--   slot_events bigint[] null: likewise
--   edition text null: likewise
--   last_hour bigint not null: rows created in the last hour
--   settled_events bigint not null: rows created from `since` to before `until`
--   settled_micros bigint not null: how much later than `since` each of these is, all together, microseconds
--   recent_ids text[] null: event_id of the rows created at or after `until`; null when there is none
--   recent_at double precision[] null: created_at of those rows, Unix seconds, in the same order
--   infinite bigint not null: rows with an infinite time, as far as looked for
--   out_of_range bigint not null: rows with a finite time after `latest` or before 1970, as far as looked for
--   nulls bigint not null: rows without a time, and those of the last hour without source or type
-- Index: idx_fsm_events_entity (entity_id, created_at DESC), one descent for each course's hour
-- Source: deployed application, "There may be no index on fsm_events (created_at), and that table is never pruned".
SELECT
    source,
    event,
    NULL::bigint[] AS slots,
    NULL::bigint[] AS slot_events,
    NULL::text AS edition,
    count(*) FILTER (WHERE in_hour) AS last_hour,
    count(*) FILTER (WHERE is_settled) AS settled_events,
    coalesce(
        sum((extract(epoch FROM (taken_at - to_timestamp(%(since)s::double precision))) * 1000000)::bigint)
            FILTER (WHERE is_settled),
        0
    )::bigint AS settled_micros,
    array_agg(event_id::text) FILTER (WHERE is_recent) AS recent_ids,
    array_agg(extract(epoch FROM taken_at)::double precision) FILTER (WHERE is_recent) AS recent_at,
    count(*) FILTER (WHERE NOT isfinite(created_at)) AS infinite,
    count(*) FILTER (
        WHERE isfinite(created_at)
          AND (created_at > to_timestamp(%(latest)s::double precision) OR created_at <= to_timestamp(0))
    ) AS out_of_range,
    count(*) FILTER (
        WHERE created_at IS NULL OR (in_hour AND (source IS NULL OR event IS NULL))
    ) AS nulls
FROM (
    SELECT
        event_id,
        created_by::text COLLATE "C" AS source,
        event_type::text COLLATE "C" AS event,
        created_at,
        -- Of a type without time zone, the last and the first times there are have no like with one.
        CASE
            WHEN created_at > to_timestamp(0) AND created_at <= to_timestamp(%(latest_new)s::double precision)
                THEN created_at::timestamptz
        END AS taken_at,
        created_at >= now() - interval '1 hour'
            AND created_at <= to_timestamp(%(latest)s::double precision) AS in_hour,
        created_at >= to_timestamp(%(since)s::double precision)
            AND created_at < to_timestamp(%(until)s::double precision) AS is_settled,
        created_at >= to_timestamp(%(until)s::double precision)
            AND created_at <= to_timestamp(%(latest_new)s::double precision) AS is_recent
    FROM {fsm_events}
    WHERE entity_id = ANY (%(courses)s::uuid[])
      AND (
            created_at >= least(now() - interval '1 hour', to_timestamp(%(since)s::double precision))
            OR (%(undated)s::boolean AND created_at IS NULL)
        )
) AS events
GROUP BY source, event
ORDER BY last_hour DESC, source, event
