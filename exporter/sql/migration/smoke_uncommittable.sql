-- migration/smoke_uncommittable.sql
-- Question: May nothing of this transaction ever be committed? From here on COMMIT fails, whoever sends it.
-- Parameters:
-- Columns:
-- Index: none, touches a temporary table of its own
-- Source: PostgreSQL documentation, "SET CONSTRAINTS": a deferred constraint is checked at COMMIT, and a violated one
--   turns it into ROLLBACK. Where statements are committed one by one the table is gone before the second.
CREATE TEMPORARY TABLE outbox_rehearsal (never INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP
