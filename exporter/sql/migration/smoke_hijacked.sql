-- migration/smoke_hijacked.sql
-- Question: How many rows went into the caller's own tables?
-- Parameters:
-- Columns:
--   stolen bigint not null: rows in the temporary tables
-- Index: none, reads temporary tables of its own
-- Source: smoke_hijack.sql
SELECT
    (SELECT count(*) FROM pg_temp.job_outbox)
    + (SELECT count(*) FROM pg_temp.idempotency_keys)
    + (SELECT count(*) FROM pg_temp.fsm_events) AS stolen
