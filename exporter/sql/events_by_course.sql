-- events_by_course.sql
-- Question: The same as events.sql, where there is no index on created_at but there are few courses.
-- Parameters:
--   since double precision: Unix seconds of the oldest created_at that may be new to the caller
-- Columns:
--   source text not null: created_by
--   event text not null: event_type
--   last_hour bigint not null: rows created in the last hour
--   recent_ids text[] null: event_id of the rows created at or after `since`; null when there is none
--   recent_at double precision[] null: created_at of those rows, Unix seconds, in the same order
-- Index: idx_fsm_events_entity (entity_id, created_at DESC), one descent to find the next course, one for its hour
-- Source: deployed application, "There may be no index on fsm_events (created_at), and that table is never pruned".
--   Stepping from course to course in the index is the loose index scan of the PostgreSQL wiki.
WITH RECURSIVE course AS (
    (SELECT entity_id FROM {fsm_events} ORDER BY entity_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT later.entity_id
        FROM {fsm_events} AS later
        WHERE later.entity_id > course.entity_id
        ORDER BY later.entity_id
        LIMIT 1
    )
    FROM course
    WHERE course.entity_id IS NOT NULL
)
SELECT
    recent.created_by::text AS source,
    recent.event_type::text AS event,
    count(*) FILTER (WHERE recent.created_at >= now() - interval '1 hour') AS last_hour,
    array_agg(recent.event_id::text)
        FILTER (WHERE recent.created_at >= to_timestamp(%(since)s::double precision)) AS recent_ids,
    array_agg(extract(epoch FROM recent.created_at)::double precision)
        FILTER (WHERE recent.created_at >= to_timestamp(%(since)s::double precision)) AS recent_at
FROM course
CROSS JOIN LATERAL (
    SELECT mine.created_by, mine.event_type, mine.created_at, mine.event_id
    FROM {fsm_events} AS mine
    WHERE mine.entity_id = course.entity_id
      AND mine.created_at >= least(now() - interval '1 hour', to_timestamp(%(since)s::double precision))
    -- Keeps the planner from turning the steps into one join that reads the whole table.
    OFFSET 0
) AS recent
WHERE course.entity_id IS NOT NULL
GROUP BY recent.created_by, recent.event_type
ORDER BY last_hour DESC, source, event
