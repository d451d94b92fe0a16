-- migration/smoke_hijack.sql
-- Question: Does the RPC use temporary tables of its caller? Creates empty ones with the names of its tables.
-- Parameters:
-- Columns:
-- Index: none, touches temporary tables of its own
-- Source: migrations reference, "search_path hijacking"; PostgreSQL documentation, "Writing SECURITY DEFINER
--   Functions Safely": unless it is named last, pg_temp is searched first
CREATE TEMPORARY TABLE job_outbox (LIKE {job_outbox} INCLUDING DEFAULTS) ON COMMIT DROP;
CREATE TEMPORARY TABLE idempotency_keys (LIKE {idempotency_keys} INCLUDING DEFAULTS) ON COMMIT DROP;
CREATE TEMPORARY TABLE fsm_events (LIKE {fsm_events} INCLUDING DEFAULTS) ON COMMIT DROP;
CREATE TEMPORARY TABLE courses (LIKE {courses} INCLUDING DEFAULTS) ON COMMIT DROP
