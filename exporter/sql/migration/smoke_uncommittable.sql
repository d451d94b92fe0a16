-- migration/smoke_uncommittable.sql
-- Question: Can this transaction not be committed? From here on COMMIT fails, whoever sends it.
-- Parameters:
-- Columns:
-- Index: none, touches a temporary table of its own
-- Source: PostgreSQL documentation, "SET CONSTRAINTS": a deferred constraint is checked at COMMIT, and a violated one
--   turns it into ROLLBACK. Where each statement is committed by itself the table is dropped before the second.
CREATE TEMPORARY TABLE outbox_smoke (never INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP
