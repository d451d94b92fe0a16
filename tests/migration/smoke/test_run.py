"""The smoke test leaves nothing behind, delays nobody, and finds what does not work."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import psycopg
import pytest
from psycopg import sql

from exporter.migration.report import CheckAnswer, CheckReport
from exporter.migration.smoke import transaction as rehearsal
from exporter.migration.smoke.run import smoke
from exporter.migration.smoke.steps import STEPS
from exporter.migration.smoke.transaction import RolledBackTransaction
from tests import newest
from tests.migration import poolers
from tests.migration.test_verify_sound import NINE_PARAMETER_RPC
from tests.migration.verification import checks
from tests.postgres import Database
from tests.proxy import Mode, Proxy

RPC = "initialize_fsm_with_outbox"
ALL = ("transaction", *(step.name for step in STEPS), "rolled back")
NAMES = {"transaction", *(step.name for step in STEPS), "rolled_back"}

OTHER_ROWS = """
    INSERT INTO auth.users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
    INSERT INTO organizations (id, name) VALUES ('00000000-0000-0000-0000-00000000000b', 'o');
    INSERT INTO courses (id, title, slug, user_id, organization_id)
      SELECT gen_random_uuid(), 't', 's' || n, '00000000-0000-0000-0000-00000000000a',
             '00000000-0000-0000-0000-00000000000b' FROM generate_series(1, 20) AS n;
    SELECT initialize_fsm_with_outbox(id, user_id, organization_id, 'k' || slug, 'API', 'stage_2_init',
                                      '[{"queue": "q"}]') FROM courses;
"""


def insert_other_rows(database: Database) -> None:
    """Rows of others, so that there is something to disturb."""
    database.execute(OTHER_ROWS)


def contents(database: Database) -> dict[str, str | None]:
    """A fingerprint of every table of every schema, temporary ones included."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        prints: dict[str, str | None] = {}
        for schema, table in tables:
            query = sql.SQL("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t")
            row = connection.execute(query.format(sql.Identifier(schema, table))).fetchone()
            prints[f"{schema}.{table}"] = row[0] if row else None
    return prints


def idle(database: Database) -> bool:
    """No transaction of ours is left in the database."""
    query = (
        "SELECT count(xact_start) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name ~ 'smoke'"
    )
    return bool(database.value(query) == 0)


def wait_until_idle(database: Database) -> None:
    deadline = time.monotonic() + 10
    while not idle(database):
        assert time.monotonic() < deadline, "a transaction of ours is still there"
        time.sleep(0.02)


def failing(report: CheckReport) -> set[str]:
    return {finding.check for finding in report.findings if finding.answer is not CheckAnswer.OK}


def test_a_sound_database_passes_and_keeps_its_contents(database):
    """Every step succeeds; not one row of any table is there before and not after, or the other way round."""
    insert_other_rows(database)
    before = contents(database)
    report = smoke(database.dsn(), "public")
    assert checks(report, CheckAnswer.OK) == NAMES
    assert contents(database) == before
    assert idle(database)


def test_the_deployed_variant_passes_with_a_warning(deployed_database):
    """PUBLIC keeps EXECUTE there: said, not failed."""
    report = smoke(deployed_database.dsn(), "public")
    assert report.answer is CheckAnswer.OK
    assert [warning.text for warning in report.warnings] == ["anon may call it"]


def test_the_nine_parameter_rpc_passes(database):
    """Later optional parameters change nothing for who calls as documented."""
    database.execute(NINE_PARAMETER_RPC)
    assert smoke(database.dsn(), "public").answer is CheckAnswer.OK


APP = """
    CREATE SCHEMA "App"; GRANT USAGE ON SCHEMA "App" TO anon, authenticated, service_role;
    ALTER TABLE courses SET SCHEMA "App"; ALTER TABLE job_outbox SET SCHEMA "App";
    ALTER TABLE idempotency_keys SET SCHEMA "App"; ALTER TABLE fsm_events SET SCHEMA "App";
    ALTER FUNCTION initialize_fsm_with_outbox SET SCHEMA "App";
    DO $do$
    BEGIN
      EXECUTE replace(pg_get_functiondef('"App".initialize_fsm_with_outbox'::regproc), 'public.', '"App".');
    END $do$;
    ALTER FUNCTION "App".initialize_fsm_with_outbox SET search_path = "App", pg_temp;
"""


def test_another_schema_passes(database):
    """Everything is asked for where the configuration says."""
    database.execute(APP)
    report = smoke(database.dsn(), "App")
    assert report.answer is CheckAnswer.OK, report.findings


def test_commit_is_impossible(database):
    """Also when somebody sends COMMIT: the transaction cannot end otherwise than rolled back."""
    insert_other_rows(database)
    before = contents(database)
    with RolledBackTransaction(database.dsn(), "public") as rehearsal:
        rehearsal.insert("public", "organizations", {"name": "must not stay"})
        with pytest.raises(psycopg.errors.UniqueViolation):
            rehearsal._open.commit()
    assert contents(database) == before


@pytest.mark.parametrize("step", ALL)
def test_a_backend_killed_at_any_step_leaves_nothing(embedded_database, step):
    """The connection breaks, the rest is unknown, the tables are as before."""
    database = embedded_database
    insert_other_rows(database)
    before = contents(database)

    def kill(now: str) -> None:
        if now == step:
            database.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name ~ 'smoke'"
            )

    report = smoke(database.dsn(), "public", observe=kill)
    if step != "transaction":  # that is before the connection is made
        assert report.answer is CheckAnswer.UNKNOWN
        assert not checks(report, CheckAnswer.BROKEN)
    wait_until_idle(database)
    assert contents(database) == before


SUICIDE = """
import os, signal, sys
from exporter.migration.smoke.run import smoke
smoke(sys.argv[1], "public", observe=lambda step: os.kill(os.getpid(), signal.SIGKILL) if step == sys.argv[2] else None)
"""


@pytest.mark.parametrize("step", ALL)
def test_a_client_killed_at_any_step_leaves_nothing(embedded_database, step):
    """SIGKILL in the middle: the server notices and rolls back."""
    database = embedded_database
    insert_other_rows(database)
    before = contents(database)
    done = subprocess.run([sys.executable, "-c", SUICIDE, database.dsn(), step], check=False, timeout=30)
    assert done.returncode == -9
    wait_until_idle(database)
    assert contents(database) == before


@pytest.mark.parametrize("mode", [Mode.CLOSE, Mode.SWALLOW])
@pytest.mark.parametrize("step", ["course", "call", "rolled back"])
def test_a_connection_that_breaks_or_falls_silent_leaves_nothing(embedded_database, monkeypatch, step, mode):
    """Given up within the server's own limits; the server rolls back when it notices, at the latest by its timeout."""
    database = embedded_database
    monkeypatch.setattr(rehearsal, "STATEMENT_TIMEOUT", 1.0)
    monkeypatch.setattr(rehearsal, "IDLE_TIMEOUT", 2.0)
    insert_other_rows(database)
    before = contents(database)
    with Proxy(database.cluster.port) as proxy:

        def breaks(now: str) -> None:
            if now == step:
                proxy.set_mode(mode)
                if mode is Mode.CLOSE:
                    proxy.drop_connections()

        started = time.monotonic()
        dsn = f"postgresql://postgres@127.0.0.1:{proxy.port}/{database.name}"
        report = smoke(dsn, "public", observe=breaks)
        assert time.monotonic() - started < 6
        assert report.answer is CheckAnswer.UNKNOWN
        assert not checks(report, CheckAnswer.BROKEN)
        wait_until_idle(database)
    assert contents(database) == before


class Writer(threading.Thread):
    """Somebody who uses the same tables all the while and does not wait for anybody longer than 20 ms."""

    def __init__(self, database: Database) -> None:
        super().__init__(name="writer")
        self._dsn = database.dsn()
        self.stopped = threading.Event()
        self.rounds = 0
        self.error: psycopg.Error | None = None

    def run(self) -> None:
        try:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                connection.execute("SET lock_timeout = '20ms'")
                while not self.stopped.is_set():
                    self._round(connection)
                    self.rounds += 1
        except psycopg.Error as error:
            self.error = error

    def _round(self, connection: psycopg.Connection) -> None:
        """Touches every row and every key of the tables around the outbox, referred-to ones exclusively."""
        connection.execute("UPDATE auth.users SET email = gen_random_uuid()::text")
        connection.execute("SELECT FROM auth.users FOR UPDATE")
        connection.execute("SELECT FROM organizations FOR UPDATE")
        connection.execute("UPDATE courses SET updated_at = NOW()")
        connection.execute("SELECT FROM courses FOR UPDATE")
        connection.execute("UPDATE job_outbox SET attempts = attempts + 1")
        connection.execute("UPDATE fsm_events SET event_data = '{}'")
        connection.execute("UPDATE idempotency_keys SET expires_at = NOW()")
        connection.execute(
            "WITH new AS (INSERT INTO courses (title, slug, user_id, organization_id) "
            "SELECT 'w', gen_random_uuid(), user_id, organization_id FROM courses LIMIT 1 RETURNING id) "
            "INSERT INTO job_outbox (entity_id, queue_name) SELECT id, 'w' FROM new"
        )
        connection.execute("DELETE FROM courses WHERE title = 'w'")


def test_a_concurrent_writer_is_never_delayed(database):
    """Rows of others are never locked: a writer that would wait 20 ms at most never has to."""
    insert_other_rows(database)
    writer = Writer(database)
    writer.start()
    rounds = {}

    def linger(step: str) -> None:
        rounds[step] = writer.rounds
        deadline = time.monotonic() + 2
        while writer.rounds == rounds[step] and writer.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)

    try:
        report = smoke(database.dsn(), "public", observe=linger)
    finally:
        writer.stopped.set()
        writer.join()
    assert writer.error is None
    assert report.answer is CheckAnswer.OK, [
        finding for finding in report.findings if finding.answer is not CheckAnswer.OK
    ]
    assert len(set(rounds.values())) == len(rounds), "the writer went on during every step"


def test_where_statements_commit_by_themselves_it_refuses(database):
    """A pooler that keeps no transaction together: nothing is written, not even for a moment."""
    insert_other_rows(database)
    before = contents(database)
    with poolers.autocommitting(database.cluster) as port:
        report = smoke(f"postgresql://postgres@127.0.0.1:{port}/{database.name}", "public")
    assert report.answer is CheckAnswer.UNKNOWN
    assert report.findings[0].check == "transaction"
    assert "do not share one transaction" in report.findings[0].found
    assert contents(database) == before


@newest.either
@pytest.mark.parametrize(("mode", "answer"), [("statement", CheckAnswer.UNKNOWN), ("transaction", CheckAnswer.OK)])
def test_pgbouncer(database, mode, answer, require):
    """Refused in statement mode, works in transaction mode; nothing is left either way."""
    insert_other_rows(database)
    before = contents(database)
    with poolers.pgbouncer(database.cluster, mode, require) as port:
        report = smoke(f"postgresql://postgres@127.0.0.1:{port}/{database.name}", "public")
    assert report.answer is answer, report.findings
    assert contents(database) == before


def test_a_database_out_of_reach_is_unknown():
    """Nothing was proved."""
    report = smoke("postgresql://postgres@127.0.0.1:1/postgres?connect_timeout=1", "public")
    assert checks(report, CheckAnswer.UNKNOWN) >= NAMES - {"rolled_back"}


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
def test_what_does_not_work_is_found(database, case):
    """The step concerned fails, with what was found; nothing is left of the trial."""
    statement, concerned = BROKEN[case]
    database.execute(statement)
    before = contents(database)
    report = smoke(database.dsn(), "public")
    assert checks(report, CheckAnswer.BROKEN) == concerned, report.findings
    assert contents(database) == before


# The RPC as somebody may have written it: names without their schema, and pg_temp before it, named or not.
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
def test_hijacking_is_tried_as_by_a_first_call(database, path):
    """The plans of the calls before do not hide the tables of the caller's own, whichever comes first."""
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
            connection.execute("DISCARD TEMP")  # before `contents` looks, not some time after this session
            assert row is not None
            stolen[order] = row[0]
    safe = path == "public, pg_temp"
    assert stolen == {"tables first": 0 if safe else 1, "call first": 0}
    before = contents(database)
    report = smoke(database.dsn(), "public")
    assert checks(report, CheckAnswer.BROKEN) == (set() if safe else {"search_path"}), report.findings
    assert contents(database) == before


def test_hijacking_is_tried_anew_behind_a_pooler(database):
    """A session of the pool may have planned the RPC for others, and serves others afterwards."""
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


SIDE_EFFECTS = {
    "dblink": ("PERFORM dblink_exec('x', 'y');", "dblink"),
    "http": ("PERFORM http_post('http://localhost', '', '');", "HTTP"),
    "a program": ("COPY (SELECT 1) TO PROGRAM 'true';", "COPY to a program"),
}
ON_COURSES = "CREATE TRIGGER reaches_out AFTER INSERT ON courses FOR EACH ROW EXECUTE FUNCTION reach_out()"


def trigger(body: str) -> str:
    create = f"CREATE FUNCTION reach_out() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body} RETURN NEW; END$$"
    return f"{create}; {ON_COURSES}"


@pytest.mark.parametrize("case", SIDE_EFFECTS)
def test_triggers_that_reach_out_are_named_before_anything_is_written(database, case):
    """What a rollback would not undo is not begun."""
    body, name = SIDE_EFFECTS[case]
    database.execute(trigger(body))
    report = smoke(database.dsn(), "public")
    (finding,) = (f for f in report.findings if f.check == "side_effects")
    assert finding.answer is CheckAnswer.UNKNOWN
    assert "reaches_out on public.courses" in finding.found
    assert name in finding.found
    assert {"course", "call"} <= checks(report, CheckAnswer.UNKNOWN)


def test_side_effects_are_followed_through_calls(embedded_database):
    """The trigger's function calls another one, which reaches out."""
    embedded_database.execute("CREATE FUNCTION far() RETURNS void LANGUAGE sql AS $$SELECT 1 /* */$$")
    embedded_database.execute(
        "CREATE OR REPLACE FUNCTION far() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM dblink('x'); END$$"
    )
    embedded_database.execute(trigger("PERFORM public.far();"))
    report = smoke(embedded_database.dsn(), "public")
    (finding,) = (f for f in report.findings if f.check == "side_effects")
    assert "dblink (far)" in finding.found


def test_what_waits_for_commit_is_named_and_allowed(database):
    """NOTIFY is delivered at COMMIT: nobody hears of a trial that is rolled back."""
    database.execute(trigger("PERFORM pg_notify('ears', NEW.id::text);"))
    with database.connect() as listener:
        listener.execute("LISTEN ears")
        report = smoke(database.dsn(), "public")
        assert report.answer is CheckAnswer.OK
        assert not list(listener.notifies(timeout=0.3))
    (finding,) = (f for f in report.findings if f.check == "side_effects")
    assert "NOTIFY" in finding.found


def test_an_accepted_trigger_is_let_through(embedded_database):
    """Somebody who knows it said so."""
    embedded_database.execute(trigger("IF false THEN PERFORM dblink('x'); END IF;"))
    assert smoke(embedded_database.dsn(), "public").answer is CheckAnswer.UNKNOWN
    assert smoke(embedded_database.dsn(), "public", accepted=("reaches_out",)).answer is CheckAnswer.OK


def test_event_triggers_are_looked_at_too(embedded_database):
    """The temporary tables make them fire."""
    embedded_database.execute(
        "CREATE FUNCTION tell() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN IF false THEN PERFORM dblink(1); "
        "END IF; END';"
        "CREATE EVENT TRIGGER tells ON ddl_command_end EXECUTE FUNCTION tell()"
    )
    report = smoke(embedded_database.dsn(), "public")
    (finding,) = (f for f in report.findings if f.check == "side_effects")
    assert "event trigger tells: dblink" in finding.found
    assert smoke(embedded_database.dsn(), "public", accepted=("tells",)).answer is CheckAnswer.OK


ADAPTED = {
    "more required columns": """
        CREATE TYPE level AS ENUM ('easy', 'hard');
        CREATE DOMAIN short AS VARCHAR(5);
        ALTER TABLE courses ADD a INT NOT NULL, ADD b level NOT NULL, ADD c short NOT NULL, ADD d JSONB NOT NULL,
          ADD e TEXT[] NOT NULL, ADD f TIMESTAMPTZ NOT NULL, ADD g BOOLEAN NOT NULL, ADD h NUMERIC(5, 2) NOT NULL,
          ADD i VARCHAR(3) NOT NULL, ADD j BIGINT GENERATED ALWAYS AS IDENTITY, ADD k DATE NOT NULL,
          ADD l INT GENERATED ALWAYS AS (a + 1) STORED
    """,
    "a chain of required references": """
        CREATE TABLE plans (region TEXT, code INT, PRIMARY KEY (region, code));
        CREATE TABLE teams (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, region TEXT NOT NULL, code INT NOT NULL,
          FOREIGN KEY (region, code) REFERENCES plans);
        ALTER TABLE courses ADD team INT NOT NULL REFERENCES teams (id)
    """,
    "users of the application's own": """
        CREATE TABLE users (id UUID PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE, email TEXT NOT NULL);
        ALTER TABLE courses DROP CONSTRAINT courses_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES users (id)
    """,
    "a trigger that makes the application's user": """
        CREATE TABLE users (id UUID PRIMARY KEY REFERENCES auth.users (id) ON DELETE CASCADE, email TEXT);
        CREATE FUNCTION handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
          AS $$BEGIN INSERT INTO public.users (id) VALUES (NEW.id); RETURN NEW; END$$;
        CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION handle_new_user();
        ALTER TABLE courses DROP CONSTRAINT courses_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES users (id)
    """,
    "no column for the slug": "ALTER TABLE courses DROP COLUMN slug",
    "a reference to itself that is not required": "ALTER TABLE courses ADD parent UUID REFERENCES courses (id)",
}


@pytest.mark.parametrize("case", ADAPTED)
def test_it_adapts_to_the_courses_table(database, case):
    """What is required is found in the catalogue and filled; nothing is left."""
    database.execute(ADAPTED[case])
    before = contents(database)
    report = smoke(database.dsn(), "public")
    assert report.answer is CheckAnswer.OK, report.findings
    assert contents(database) == before


LACKING = {
    "a type that we know no value of": ("ALTER TABLE courses ADD spot POINT NOT NULL", "courses.spot", None),
    "a rule that we do not know": (
        "ALTER TABLE courses ADD grade TEXT NOT NULL CHECK (grade IN ('A', 'B'))",
        "grade",
        {"grade": "A"},
    ),
    "a reference to itself that is required": (
        "ALTER TABLE courses ADD parent UUID NOT NULL REFERENCES courses (id)",
        "refers to itself",
        None,
    ),
}


@pytest.mark.parametrize("case", LACKING)
def test_it_says_what_the_courses_table_lacks(database, case):
    """Unknown, with the column's name; a value given by hand helps."""
    statement, said, given = LACKING[case]
    database.execute(statement)
    report = smoke(database.dsn(), "public")
    assert report.answer is CheckAnswer.UNKNOWN
    assert any(said in finding.found for finding in report.findings)
    if given:
        assert smoke(database.dsn(), "public", given).answer is CheckAnswer.OK


def test_a_role_that_may_not_write_proves_nothing(database):
    """The monitoring role is told so, and nothing is called broken."""
    report = smoke(database.dsn("anon"), "public")
    assert report.answer is CheckAnswer.UNKNOWN
    assert not checks(report, CheckAnswer.BROKEN)


def test_a_slow_rpc_is_a_warning(embedded_database):
    """Works, but not within its target."""
    embedded_database.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.06); RETURN NEW; END';"
        "CREATE TRIGGER t BEFORE INSERT ON fsm_events FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    report = smoke(embedded_database.dsn(), "public")
    assert report.answer is CheckAnswer.OK
    assert any("target is 50 ms" in warning.text for warning in report.warnings)


def test_a_locked_table_is_unknown_soon(embedded_database):
    """It gives up after half a second rather than stand in somebody's way."""
    with embedded_database.connect(autocommit=False) as holder:
        holder.execute("LOCK TABLE courses IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        report = smoke(embedded_database.dsn(), "public")
        assert time.monotonic() - started < 5
    assert report.answer is CheckAnswer.UNKNOWN
