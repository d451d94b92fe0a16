-- migration/smoke_hijacked.sql
-- Question: How many rows were written to the temporary tables of the caller?
-- Parameters:
-- Columns:
--   stolen bigint not null: rows in the temporary tables
-- Index: none, reads temporary tables of its own
-- Source: smoke_hijack.sql
SELECT
    (SELECT count(*) FROM pg_temp.job_outbox)
    + (SELECT count(*) FROM pg_temp.idempotency_keys)
    + (SELECT count(*) FROM pg_temp.fsm_events) AS stolen
