-- event_courses.sql
-- Question: Which courses have events? events_by_course.sql asks for them.
-- Parameters: none
-- Columns:
--   courses text[] not null: entity_id of every course with an event
-- Index: idx_fsm_events_entity (entity_id, created_at DESC), one descent to find the next course. Backwards: it ends at
--   a course's oldest event, whose page of the table is marked as visible to all as a rule, and then is not read
-- Source: stepping from one value to the next in an index is the loose index scan of the PostgreSQL wiki.
WITH RECURSIVE course AS (
    (SELECT entity_id FROM {fsm_events} ORDER BY entity_id DESC LIMIT 1)
    UNION ALL
    SELECT (
        SELECT earlier.entity_id
        FROM {fsm_events} AS earlier
        WHERE earlier.entity_id < course.entity_id
        ORDER BY earlier.entity_id DESC
        LIMIT 1
    )
    FROM course
    WHERE course.entity_id IS NOT NULL
)
SELECT coalesce(array_agg(entity_id::text), ARRAY[]::text[]) AS courses
FROM course
WHERE entity_id IS NOT NULL
