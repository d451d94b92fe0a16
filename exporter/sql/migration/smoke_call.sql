-- migration/smoke_call.sql
-- Question: What does the RPC answer, and how long does it take inside the server?
-- Parameters:
--   entity uuid: the course
--   user uuid: who asks
--   organization uuid: the organisation of the course
--   key text: the idempotency key
--   state text: the state to begin in
--   jobs jsonb: the jobs to write
-- Columns:
--   result jsonb not null: its answer
--   seconds double precision not null: between call and answer, without the network
-- Index: those of the tables that it writes
-- Source: migrations reference, "Testing Migrations", step 3
SELECT
    called.result,
    extract(epoch FROM clock_timestamp() - called.started)::double precision AS seconds
FROM (
    SELECT
        clock_timestamp() AS started,
        {rpc}(
            p_entity_id := %(entity)s::uuid,
            p_user_id := %(user)s::uuid,
            p_organization_id := %(organization)s::uuid,
            p_idempotency_key := %(key)s::text,
            p_initiated_by := 'TEST',
            p_initial_state := %(state)s::text,
            p_job_data := %(jobs)s::jsonb,
            p_metadata := '{{}}'::jsonb
        ) AS result
    -- OFFSET keeps the clock outside from being read before the answer is there.
    OFFSET 0
) AS called
