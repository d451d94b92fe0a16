-- ============================================================================
-- Poison rows
-- Purpose: 120 jobs, older than all other pending jobs, for a queue that refuses them; the traffic does
--          not use their course, so that they are not deleted with it
-- Applied by: exporter/lab/faults.py
-- ============================================================================

WITH course AS (
  INSERT INTO courses (title, slug, user_id, organization_id)
  SELECT 'Retired course', 'retired-course-' || gen_random_uuid(), user_id, organization_id FROM courses LIMIT 1
  RETURNING id
)
INSERT INTO job_outbox (entity_id, queue_name, job_data, created_at)
SELECT course.id, 'retired-queue', jsonb_build_object('courseId', course.id),
       NOW() - INTERVAL '50 minutes' + number * INTERVAL '1 second'
FROM course CROSS JOIN generate_series(1, 120) AS number;
