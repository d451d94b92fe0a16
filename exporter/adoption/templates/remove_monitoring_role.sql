-- ============================================================================
-- Remove the monitoring role of outbox-exporter
-- Purpose: takes back everything that @made_by@ did
@removal_origin@
--
-- Run as: whoever ran those scripts. Stop the exporter first: its connection would live on until it is closed.
-- Again: runs any number of times.
-- Refuses: when the role was granted more than those scripts grant in this database. PostgreSQL's message then names what
--   holds it; nothing was changed.
-- Several databases: run it in each. The role itself goes with the last one; until then a notice says who else needs it.
-- ============================================================================

BEGIN;

-- As in monitoring_role.sql: give up rather than make others wait, or cancel them by a deadlock.
SET LOCAL lock_timeout = '500ms';

-- ---------------------------------------------------------------------------- RLS

@drops@
-- ---------------------------------------------------------------------------- Permissions and role

DO $$
DECLARE
  v_object TEXT;
  v_elsewhere TEXT;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'outbox_monitor') THEN
    RETURN;
  END IF;
  -- What the scripts granted, as far as it is there: of tables of others only their owner may take anything back.
  FOR v_object IN
    SELECT DISTINCT format(CASE WHEN c.oid IS NULL THEN 'SCHEMA %1$I' ELSE 'TABLE %1$I.%2$I' END, n.nspname, c.relname)
    FROM pg_shdepend AS d
    JOIN pg_roles AS r ON r.oid = d.refobjid AND r.rolname = 'outbox_monitor'
    JOIN pg_database AS here ON here.oid = d.dbid AND here.datname = current_database()
    LEFT JOIN pg_class AS c ON c.oid = d.objid AND d.classid = CAST('pg_class' AS regclass)
    JOIN pg_namespace AS n
      ON n.oid = coalesce(c.relnamespace, CASE WHEN d.classid = CAST('pg_namespace' AS regclass) THEN d.objid END)
    WHERE d.refclassid = CAST('pg_authid' AS regclass)
      AND d.deptype = 'a'
      AND CASE n.nspname
        WHEN @schema_text@ THEN c.oid IS NULL OR c.relname IN (@table_texts@)
@other_schemas@      END
  LOOP
    -- Privileges on a table's columns go with those on the table.
    EXECUTE format('REVOKE ALL ON %s FROM outbox_monitor', v_object);
  END LOOP;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM outbox_monitor', current_database());
  -- What is left here is more than those scripts grant: dropping the role is refused then.
  SELECT string_agg(DISTINCT other.datname, ', ') INTO v_elsewhere
  FROM pg_shdepend AS d
  JOIN pg_roles AS r ON r.oid = d.refobjid AND r.rolname = 'outbox_monitor'
  JOIN pg_database AS other
    ON other.oid = CASE WHEN d.classid = CAST('pg_database' AS regclass) THEN d.objid ELSE d.dbid END
  WHERE d.refclassid = CAST('pg_authid' AS regclass)
  HAVING bool_and(other.datname <> current_database());
  IF v_elsewhere IS NOT NULL THEN
    RAISE NOTICE 'outbox_monitor has no rights in this database any more; the role stays for: %', v_elsewhere;
    RETURN;
  END IF;
  -- Its settings and its comment go with it.
  DROP ROLE outbox_monitor;
END
$$;

COMMIT;
