-- migration/smoke_visible_rows.sql
-- Question: How many rows about this course does the role see in one table?
-- Parameters:
--   entity uuid: the course
-- Columns:
--   seen bigint not null: rows
-- Index: (entity_id)
-- Source: deployed application, "Policies"
SELECT count(*) AS seen FROM {table} WHERE entity_id = %(entity)s::uuid
