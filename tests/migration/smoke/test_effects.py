"""Effects outside the transaction are found before anything is written."""

from __future__ import annotations

import pytest

from exporter.migration.report import CheckAnswer
from exporter.migration.smoke.effects import FunctionSource, SideEffect, effects
from exporter.migration.smoke.run import smoke
from tests.migration.verification import (
    checks,
)


def of(*codes: FunctionSource) -> tuple[SideEffect, ...]:
    """The effects of the first, which may call the others."""
    known = {code.function: code for code in codes}
    return effects([("t", codes[0])], lambda names: [known[name] for name in names if name in known])


@pytest.mark.parametrize(
    ("body", "how", "outside"),
    [
        ("PERFORM dblink_send_query('a', 'b')", "dblink", True),
        ("SELECT content FROM http_get('x')", "HTTP", True),
        ("SELECT extensions.http(('POST', 'x', NULL, NULL, NULL))", "HTTP", True),
        ("COPY t FROM '/etc/passwd'", "COPY to a program or file", True),
        ("COPY (SELECT 1)\nTO PROGRAM 'mail'", "COPY to a program or file", True),
        ("PERFORM lo_export(1, 'x')", "a file of the server", True),
        ("PERFORM pg_logical_emit_message(false, 'a', 'b')", "a message into the WAL at once", True),
        ("SELECT aws_lambda.invoke(x)", "an external service", True),
        ("NOTIFY ears", "NOTIFY", False),
        ("PERFORM net.http_post(url := 'x')", "pg_net", False),
        ("PERFORM cron.schedule('a', 'b', 'c')", "pg_cron", False),
    ],
)
def test_effects_are_recognised(body, how, outside):
    """Those at once, and those at COMMIT."""
    assert of(FunctionSource("f", "plpgsql", f"BEGIN {body}; END")) == (SideEffect("t", f"{how} (f)", outside),)


@pytest.mark.parametrize(
    "body",
    [
        "NEW.updated_at := NOW(); RETURN NEW",
        "-- dblink('x')\nRETURN NEW",
        "/* http_get('x') */ RETURN NEW",
        "PERFORM pg_logical_emit_message(true, 'a', 'b')",
        "INSERT INTO https_links VALUES ('http')",
    ],
)
def test_harmless_code_has_no_effect(body):
    """Comments and similar names are no effects."""
    assert of(FunctionSource("f", "plpgsql", body)) == ()


def test_effects_are_followed_and_end():
    """Through calls, also when functions call each other."""
    a, b = FunctionSource("a", "plpgsql", "PERFORM b()"), FunctionSource("b", "plpgsql", "PERFORM a(); PERFORM c()")
    c = FunctionSource("c", "sql", "SELECT dblink('x')")
    assert of(a, b, c) == (SideEffect("t", "dblink (c)", outside=True),)


def test_code_that_cannot_be_read_counts_as_an_effect_outside():
    """PostgreSQL's own trigger modules aside."""
    assert [effect.outside for effect in of(FunctionSource("f", "plpython3u", ""))] == [True]
    assert of(FunctionSource("moddatetime", "c", "moddatetime")) == ()
    assert of(FunctionSource("suppress_redundant_updates_trigger", "internal", "x")) == ()


SIDE_EFFECTS = {
    "dblink": ("PERFORM dblink_exec('x', 'y');", "dblink"),
    "http": ("PERFORM http_post('http://localhost', '', '');", "HTTP"),
    "a program": ("COPY (SELECT 1) TO PROGRAM 'true';", "COPY to a program"),
}

ON_COURSES = "CREATE TRIGGER has_effect AFTER INSERT ON courses FOR EACH ROW EXECUTE FUNCTION act_outside()"


def trigger(body: str) -> str:
    create = f"CREATE FUNCTION act_outside() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body} RETURN NEW; END$$"
    return f"{create}; {ON_COURSES}"


@pytest.mark.parametrize("case", SIDE_EFFECTS)
def test_triggers_with_effects_outside_are_reported_before_anything_is_written(database, case):
    """Steps whose effects a rollback would not undo are not run."""
    body, name = SIDE_EFFECTS[case]
    database.execute(trigger(body))
    report = smoke(database.dsn(), "public")
    (finding,) = (f for f in report.findings if f.check == "side_effects")
    assert finding.answer is CheckAnswer.UNKNOWN
    assert "has_effect on public.courses" in finding.found
    assert name in finding.found
    assert {"course", "call"} <= checks(report, CheckAnswer.UNKNOWN)


def test_side_effects_are_followed_through_calls(embedded_database):
    """The trigger's function calls another one, which has an effect outside."""
    embedded_database.execute("CREATE FUNCTION far() RETURNS void LANGUAGE sql AS $$SELECT 1 /* */$$")
    embedded_database.execute(
        "CREATE OR REPLACE FUNCTION far() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM dblink('x'); END$$"
    )
    embedded_database.execute(trigger("PERFORM public.far();"))
    report = smoke(embedded_database.dsn(), "public")
    (finding,) = (f for f in report.findings if f.check == "side_effects")
    assert "dblink (far)" in finding.found


def test_effects_at_commit_are_reported_and_allowed(database):
    """NOTIFY is delivered at COMMIT: no listener receives that of a transaction that is rolled back."""
    database.execute(trigger("PERFORM pg_notify('ears', NEW.id::text);"))
    with database.connect() as listener:
        listener.execute("LISTEN ears")
        report = smoke(database.dsn(), "public")
        assert report.answer is CheckAnswer.OK
        assert not list(listener.notifies(timeout=0.3))
    (finding,) = (f for f in report.findings if f.check == "side_effects")
    assert "NOTIFY" in finding.found


def test_an_accepted_trigger_is_allowed(embedded_database):
    """Named by --accept."""
    embedded_database.execute(trigger("IF false THEN PERFORM dblink('x'); END IF;"))
    assert smoke(embedded_database.dsn(), "public").answer is CheckAnswer.UNKNOWN
    assert smoke(embedded_database.dsn(), "public", accepted=("has_effect",)).answer is CheckAnswer.OK


def test_event_triggers_are_checked(embedded_database):
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
