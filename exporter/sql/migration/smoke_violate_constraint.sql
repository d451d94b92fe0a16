-- migration/smoke_violate_constraint.sql
-- Question: Is this still the transaction that created the temporary table? Violates its deferred constraint.
-- Parameters:
-- Columns:
-- Index: none, touches a temporary table of its own
-- Source: smoke_uncommittable.sql
INSERT INTO pg_temp.outbox_smoke (never) VALUES (1), (1)
