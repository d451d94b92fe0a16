-- migration/smoke_replan.sql
-- Question: What would a session do that calls the RPC for the first time? Drops this session's cached plans.
-- Parameters:
-- Columns:
-- Index: none, reads no table
-- Source: PostgreSQL documentation, "PL/pgSQL under the Hood", "Plan Caching", and "DISCARD". A function's statements are
--   planned once in a session, with the tables that their names meant then: temporary tables that come later change
--   nothing for it, although they would have won before its first call. Earlier calls may have been made in this
--   transaction, or by another client of a pooler. Allowed in a transaction; a pooler's next client plans anew.
DISCARD PLANS
