-- migration/smoke_delete.sql
-- Question: Is the test course deleted?
-- Parameters:
--   entity uuid: the course
-- Columns:
--   seen bigint not null: courses deleted
-- Index: primary key of courses
-- Source: migrations reference, "Testing Migrations", step 5
WITH gone AS (
    DELETE FROM {courses} WHERE id = %(entity)s::uuid RETURNING 1
)
SELECT count(*) AS seen FROM gone
