"""Each step fails when its part of the migration does not work."""

from __future__ import annotations

import psycopg
import pytest

from exporter.migration.report import CheckAnswer
from exporter.migration.smoke.run import smoke
from tests.migration import poolers
from tests.migration.database_rows import contents, insert_other_rows
from tests.migration.verification import (
    checks,
)

RPC = "initialize_fsm_with_outbox"

BROKEN: dict[str, tuple[str, set[str]]] = {
    "RPC gone": (f"DROP FUNCTION {RPC}", {"call"}),
    "no cascade": (
        "ALTER TABLE job_outbox DROP CONSTRAINT job_outbox_entity_id_fkey",
        {"cascade"},
    ),
    "a restricting reference": (
        (
            "ALTER TABLE fsm_events DROP CONSTRAINT fsm_events_entity_id_fkey, "
            "ADD FOREIGN KEY (entity_id) REFERENCES courses ON DELETE RESTRICT"
        ),
        {"cascade"},
    ),
    "search_path not pinned": (
        f"""
        ALTER FUNCTION {RPC} RESET search_path;
        DO $do$
        DECLARE body TEXT := pg_get_functiondef('{RPC}'::regproc);
        BEGIN EXECUTE replace(body, 'public.', ''); END $do$
        """,
        {"search_path"},
    ),
    "with the caller's own rights": (f"ALTER FUNCTION {RPC} SECURITY INVOKER", {"documented_roles"}),
    "users may not call": (f"REVOKE EXECUTE ON FUNCTION {RPC} FROM authenticated", {"documented_roles"}),
    "row security off": ("ALTER TABLE job_outbox DISABLE ROW LEVEL SECURITY", {"outsiders"}),
    "events for everybody": ("CREATE POLICY p ON fsm_events FOR SELECT USING (true)", {"outsiders"}),
    "a trigger that swallows the event": (
        (
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            "CREATE TRIGGER t BEFORE INSERT ON fsm_events FOR EACH ROW EXECUTE FUNCTION nothing()"
        ),
        {"rows", "same_key", "invalid_input", "search_path"},
    ),
    "another source": (
        (
            "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql "
            "AS $$BEGIN NEW.created_by := 'QUEUE'; RETURN NEW; END$$;"
            "CREATE TRIGGER t BEFORE INSERT ON fsm_events FOR EACH ROW EXECUTE FUNCTION other()"
        ),
        {"rows"},
    ),
    "keys that do not answer": (
        f"""
        DO $do$
        DECLARE body TEXT := pg_get_functiondef('{RPC}'::regproc);
        BEGIN
          body := replace(body, 'RETURN v_known.result;', 'NULL;');
          EXECUTE replace(body, 'VALUES (p_idempotency_key, v_result', 'VALUES (gen_random_uuid()::text, v_result');
        END $do$
        """,
        {"rows", "same_key"},
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_step_concerned_fails(database, case):
    """And no other; no row is left."""
    statement, concerned = BROKEN[case]
    database.execute(statement)
    before = contents(database)
    report = smoke(database.dsn(), "public")
    assert checks(report, CheckAnswer.BROKEN) == concerned, report.findings
    assert contents(database) == before


# A vulnerable RPC: names without a schema, and pg_temp before it on the path, named or not.
HIJACKABLE = f"""
    DO $do$
    DECLARE body TEXT := pg_get_functiondef('{RPC}'::regproc);
    BEGIN EXECUTE replace(body, 'public.', ''); END $do$;
    ALTER FUNCTION {RPC} SET search_path = {{path}};
"""

OWN_TABLES = """
    CREATE TEMPORARY TABLE job_outbox (LIKE public.job_outbox INCLUDING DEFAULTS);
    CREATE TEMPORARY TABLE idempotency_keys (LIKE public.idempotency_keys INCLUDING DEFAULTS);
    CREATE TEMPORARY TABLE fsm_events (LIKE public.fsm_events INCLUDING DEFAULTS);
    CREATE TEMPORARY TABLE courses (LIKE public.courses INCLUDING DEFAULTS);
    INSERT INTO pg_temp.courses SELECT * FROM public.courses ORDER BY id LIMIT 1;
"""

ONE_CALL = f"""
    SELECT {RPC}(id, user_id, organization_id, gen_random_uuid()::text, 'API', 'stage_2_init', '[{{"queue": "q"}}]')
    FROM public.courses ORDER BY id LIMIT 1
"""


@pytest.mark.parametrize("path", ["pg_temp, public", "public", "pg_catalog, public", "public, pg_temp"])
def test_temporary_tables_are_tried_as_by_a_first_call(database, path):
    """Cached plans of earlier calls do not hide the temporary tables, whichever come first."""
    insert_other_rows(database)
    database.execute(HIJACKABLE.format(path=path))
    stolen = {}
    for order in ("tables first", "call first"):
        with database.connect() as connection:
            connection.execute("CREATE TEMPORARY TABLE some_table ()")  # there is a temporary schema
            if order == "call first":
                connection.execute(ONE_CALL.encode())
            connection.execute(OWN_TABLES.encode())
            connection.execute(ONE_CALL.encode())
            row = connection.execute("SELECT count(*) FROM pg_temp.fsm_events").fetchone()
            connection.execute("DISCARD TEMP")  # before `contents` looks, rather than after this session
            assert row is not None
            stolen[order] = row[0]
    safe = path == "public, pg_temp"
    assert stolen == {"tables first": 0 if safe else 1, "call first": 0}
    before = contents(database)
    report = smoke(database.dsn(), "public")
    assert checks(report, CheckAnswer.BROKEN) == (set() if safe else {"search_path"}), report.findings
    assert contents(database) == before


def test_temporary_tables_are_tried_behind_a_pooler(database):
    """A session of the pool may have cached plans of other clients, and serves other clients afterwards."""
    insert_other_rows(database)
    database.execute(HIJACKABLE.format(path="pg_temp, public"))
    with poolers.pgbouncer(database.cluster, "transaction") as port:
        dsn = f"postgresql://postgres@127.0.0.1:{port}/{database.name}"
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
            connection.execute("CREATE TEMPORARY TABLE some_table ()")
            connection.execute(ONE_CALL.encode())
            first = connection.execute("SELECT pg_backend_pid()").fetchone()
        report = smoke(dsn, "public")
        with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
            connection.execute(ONE_CALL.encode())
            assert connection.execute("SELECT pg_backend_pid()").fetchone() == first
    assert checks(report, CheckAnswer.BROKEN) == {"search_path"}


def test_a_slow_rpc_is_a_warning(embedded_database):
    """It works, but takes longer than its target."""
    embedded_database.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.06); RETURN NEW; END';"
        "CREATE TRIGGER t BEFORE INSERT ON fsm_events FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    report = smoke(embedded_database.dsn(), "public")
    assert report.answer is CheckAnswer.OK
    assert any("target is 50 ms" in warning.text for warning in report.warnings)
