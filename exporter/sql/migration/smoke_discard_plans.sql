-- migration/smoke_discard_plans.sql
-- Question: Does the RPC run as in a session that calls it for the first time? Drops the cached plans of the session.
-- Parameters:
-- Columns:
-- Index: none, reads no table
-- Source: PostgreSQL documentation, "PL/pgSQL under the Hood", "Plan Caching", and "DISCARD". A function's statements
--   are planned once in a session, with the tables that their names meant then: temporary tables that are created later
--   are not used, although they would have been before its first call. Earlier calls may have been made in this
--   transaction, or by another client of a pooler. Allowed in a transaction; a pooler's next client plans anew.
DISCARD PLANS
