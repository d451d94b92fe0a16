-- ============================================================================
-- Monitoring role for outbox-exporter
-- Purpose: a role that can count @subjects@, and can read nothing that is in them
@origin@
--
-- Run as: the owner of @owned@, with the right to create roles (on managed PostgreSQL the role that the
--   provider gave you, such as postgres). With psql (-f) or pasted into a web SQL editor; it is all or nothing.
-- Again: runs any number of times, also after a change of this file; ends in the same state each time.
@undo@
--
-- Password: none is set here, so that none ends in a file, a history or a log. Until you set one, nobody can log in
--   with a password. In psql:      \password outbox_monitor
--   psql sends it hashed. A web SQL editor sends it readable; if there is no other way, use a long random one:
--   ALTER ROLE outbox_monitor PASSWORD '...'
--
-- Several hosts in the DSN: target_session_attrs=primary finds the primary. read-write finds none, since this role is
--   read-only on every server (below).
-- Behind Pgpool-II: each of its processes keeps a connection of the role's to each server. Set the limit below to
--   num_init_children there; otherwise it refuses with "too many connections for role".
-- On a standby: how old its rows are can be proved on a quiet primary, too, if the role may see what the WAL receiver
--   heard. Without it a sample fails with reason `stale` when the primary commits nothing for database.max_replay_lag.
--   The role then also sees the texts of other sessions' statements in pg_stat_activity, so it is not granted here:
--     PostgreSQL 16 and later:  GRANT pg_read_all_stats TO outbox_monitor WITH INHERIT TRUE;
--     before:                   ALTER ROLE outbox_monitor INHERIT; GRANT pg_read_all_stats TO outbox_monitor;
--   The same shows since when a session has held back the vacuum horizon, and its state. Who holds it is visible without.
--
@row_security@
-- ============================================================================

BEGIN;

-- A policy needs its table for a moment, exclusively. When another transaction holds it for longer, this one gives up,
-- so that the application does not wait behind it, and before the server resolves a deadlock (after deadlock_timeout,
-- 1 s by default), which could cancel the application's transaction. Nothing has changed then; run this again later.
SET LOCAL lock_timeout = '500ms';

-- ---------------------------------------------------------------------------- Role

-- NOINHERIT: it has what is granted below, by name. What a group of its may do, it does not do unasked.
-- CONNECTION LIMIT: the exporter uses one connection; one more for a second exporter or the moment in which the
-- server still holds a connection that broke, one for you.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'outbox_monitor') THEN
    CREATE ROLE outbox_monitor LOGIN NOINHERIT;
  ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = 'outbox_monitor'
                AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication)) THEN
    RAISE EXCEPTION 'role outbox_monitor exists and may do far more than monitoring: not the role made by this script';
  END IF;
  -- Back from the other way in, use_bypassrls.sql.
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'outbox_monitor' AND rolbypassrls) THEN
    ALTER ROLE outbox_monitor NOBYPASSRLS;
  END IF;
  -- A higher limit stays: the role may watch other databases of this server.
  IF (SELECT rolconnlimit FROM pg_roles WHERE rolname = 'outbox_monitor') < 3 THEN
    ALTER ROLE outbox_monitor CONNECTION LIMIT 3;
  END IF;
END
$$;

-- Limits for every session of the role, a person's psql included. The exporter sets stricter ones inside each of its
-- transactions (and proves them), since these are defaults that a session may change: what the role can do at most
-- is decided by the grants below.
ALTER ROLE outbox_monitor SET default_transaction_read_only = on;
ALTER ROLE outbox_monitor SET statement_timeout = '15s';
ALTER ROLE outbox_monitor SET lock_timeout = '1s';
ALTER ROLE outbox_monitor SET idle_in_transaction_session_timeout = '30s';

-- ---------------------------------------------------------------------------- Permissions

@public@DO $$
BEGIN
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO outbox_monitor', current_database());
END
$$;
GRANT USAGE ON SCHEMA @schema@ TO outbox_monitor;

-- What an earlier version of this file granted and this one does not is taken back.
REVOKE ALL ON TABLE @tables@ FROM outbox_monitor;

@grants@

@policies@-- ---------------------------------------------------------------------------- Comments

COMMENT ON ROLE outbox_monitor IS 'outbox-exporter: counts @subjects@; reads no content';
@comments@
COMMIT;
