-- migration/smoke_rows.sql
-- Question: Which rows of the three tables belong to this course?
-- Parameters:
--   entity uuid: the course
--   key text: an idempotency key
-- Columns:
--   jobs bigint not null: rows of job_outbox
--   queues text[] not null: their queues
--   events bigint not null: rows of fsm_events
--   sources text[] not null: their sources
--   keys bigint not null: rows of idempotency_keys
--   key_there boolean not null: this key is among them
-- Index: (entity_id) of each table; primary key of idempotency_keys
-- Source: migrations reference, "Testing Migrations", steps 3 and 5
SELECT
    (SELECT count(*) FROM {job_outbox} WHERE entity_id = %(entity)s::uuid) AS jobs,
    ARRAY(SELECT queue_name::text FROM {job_outbox} WHERE entity_id = %(entity)s::uuid ORDER BY 1) AS queues,
    (SELECT count(*) FROM {fsm_events} WHERE entity_id = %(entity)s::uuid) AS events,
    ARRAY(SELECT created_by::text FROM {fsm_events} WHERE entity_id = %(entity)s::uuid ORDER BY 1) AS sources,
    (SELECT count(*) FROM {idempotency_keys} WHERE entity_id = %(entity)s::uuid) AS keys,
    EXISTS (SELECT FROM {idempotency_keys} WHERE key = %(key)s::text AND entity_id = %(entity)s::uuid) AS key_there
