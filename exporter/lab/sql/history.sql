-- ============================================================================
-- History
-- Purpose: the rows of an outbox after a month, so that gauges of the last hour have values at the start:
--          processed jobs, events, live and expired idempotency keys
-- Applied by: exporter/lab/seed_data.py, in one transaction, once per database, after setseed()
-- Needs: courses
-- Source: processing time and shares as in the reference document's healthy example
-- ============================================================================

-- Initialisations of the last hour, the latest a minute ago.
CREATE TEMPORARY TABLE past ON COMMIT DROP AS
SELECT
  gen_random_uuid() AS id,
  course.id AS course_id,
  course.user_id,
  NOW() - INTERVAL '1 minute' - random() * INTERVAL '59 minutes' AS created_at,
  CASE WHEN random() < 0.10 THEN 'QUEUE' WHEN random() < 0.15 THEN 'WORKER' ELSE 'API' END AS created_by
FROM generate_series(1, 1500) AS number
JOIN (SELECT id, user_id, row_number() OVER (ORDER BY id) - 1 AS position, count(*) OVER () AS total FROM courses)
  AS course ON course.position = number % course.total;

INSERT INTO fsm_events (entity_id, event_type, event_data, created_at, created_by, user_id)
SELECT course_id, 'FSM_INITIALIZED', '{"state": "stage_2_init"}', created_at, created_by, user_id FROM past;

INSERT INTO job_outbox (entity_id, queue_name, job_data, created_at, processed_at)
SELECT
  course_id,
  (ARRAY['document-processing', 'structure-analysis', 'lesson-generation'])[number],
  jsonb_build_object('courseId', course_id),
  created_at,
  created_at + (0.2 - ln(1 - random())) * INTERVAL '1 second'
FROM past CROSS JOIN generate_series(1, 3) AS number
WHERE number = 1 OR random() < 0.5;

INSERT INTO idempotency_keys (key, result, created_at, expires_at, entity_id)
SELECT 'past-' || id, '{"outboxEntries": []}', created_at, created_at + INTERVAL '48 hours', course_id FROM past;

-- The last month, thinner: what retention has left.
INSERT INTO job_outbox (entity_id, queue_name, created_at, processed_at)
SELECT course_id, 'document-processing', moment, moment + INTERVAL '1.1 seconds'
FROM (SELECT course_id, created_at - random() * INTERVAL '29 days' AS moment FROM past LIMIT 500) AS earlier;

INSERT INTO fsm_events (entity_id, event_type, created_at, created_by, user_id)
SELECT course_id, 'FSM_INITIALIZED', created_at - random() * INTERVAL '29 days', 'API', user_id
FROM past LIMIT 500;

-- Keys that expired since the latest clean-up, at 03:00 UTC.
INSERT INTO idempotency_keys (key, created_at, expires_at, entity_id)
SELECT 'expired-' || id, moment - INTERVAL '48 hours', moment, course_id
FROM (
  SELECT id, course_id, NOW() - random() * (
    NOW() - (date_trunc('day', NOW() - INTERVAL '3 hours', 'UTC') + INTERVAL '3 hours')) AS moment
  FROM past LIMIT 60
) AS expired;
