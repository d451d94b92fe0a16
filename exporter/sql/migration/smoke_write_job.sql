-- migration/smoke_write_job.sql
-- Question: May the role insert a job without the RPC? Tries it.
-- Parameters:
--   entity uuid: the course
-- Columns:
--   seen bigint not null: 1 when it may
-- Index: none
-- Source: deployed application, "Policies"
WITH intruder AS (
    INSERT INTO {job_outbox} (entity_id, queue_name) VALUES (%(entity)s::uuid, 'outbox-smoke') RETURNING 1
)
SELECT count(*) AS seen FROM intruder
