"""The judgements that need no database: texts in, answers out."""

from __future__ import annotations

import itertools
import uuid

import pytest

from exporter.migration.render import summary, table
from exporter.migration.report import CheckAnswer, CheckReport, Deviation, finding_of, worst
from exporter.migration.smoke import rows as furnish
from exporter.migration.smoke.effects import FunctionSource, SideEffect, effects
from exporter.migration.smoke.rows import ColumnOfTestRow, MissingValue, plan
from exporter.migration.verify.functions import is_safe, mentions
from exporter.migration.verify.schedules import in_utc, same_schedule


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("public, pg_temp", True),
        ("public,pg_temp", True),
        ('"public", "pg_temp"', True),
        ("public, extensions, pg_temp", True),
        ("", True),
        ('""', True),
        ("pg_catalog", True),
        ("pg_catalog, pg_temp", True),
        ("pg_temp", True),
        (None, False),
        ("public", False),
        ("pg_temp, public", False),
        ("pg_temp, public, pg_temp", False),
        ('"$user", public, pg_temp', False),
        ("pg_catalog, public", False),
        ("public, pg_temp, auth", False),
        # One schema of such a name, as SET search_path = 'public, pg_temp' gives it.
        ('"public, pg_temp"', False),
        ('"App", pg_temp', True),
        ('"pg_temp", public', False),
    ],
)
def test_a_safe_search_path(path, safe):
    """pg_temp is last, or nothing of a user is looked up at all."""
    assert is_safe(path) is safe


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0 3 * * *", "0 3 * * *", True),
        ("0 3 * * *", "00 03  * * *", True),
        ("0 2 * * 0", "0 2 * * 7", True),
        ("0 2 * * 0", "0 2 * * SUN", True),
        ("0 3 * * *", "0 4 * * *", False),
        ("0 3 * * *", "0 30 * * *", False),
        ("0 2 * * 0", "0 2 * * 1", False),
        ("0 2 * * 0", "0 2 * * mon", False),
        ("0 3 * * *", "", False),
        ("0 3 * * *", "30 seconds", False),
        ("10 3 * * *", "1 3 * * *", False),
    ],
)
def test_schedules_that_mean_the_same(one, other, same):
    """Leading zeros, spaces and names of Sunday do not matter, anything else does."""
    assert same_schedule(one, other) is same


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("DELETE FROM job_outbox", True),
        ("delete from public.JOB_OUTBOX;", True),
        ('INSERT INTO "public"."job_outbox"', True),
        ("-- job_outbox\nSELECT 1", False),
        ("/* job_outbox\n job_outbox */ SELECT 1", False),
        ("SELECT FROM job_outbox_archive", False),
        ("SELECT FROM my_job_outbox", False),
    ],
)
def test_what_names_a_table(text, names):
    """In code, not in comments, and not as a part of another name."""
    assert mentions(text, "job_outbox") is names


def test_broken_beats_unknown_beats_ok():
    """In whatever order; nothing asked is nothing proved."""
    for size in range(4):
        for answers in itertools.product(CheckAnswer, repeat=size):
            if CheckAnswer.BROKEN in answers:
                wanted = CheckAnswer.BROKEN
            elif not answers or CheckAnswer.UNKNOWN in answers:
                wanted = CheckAnswer.UNKNOWN
            else:
                wanted = CheckAnswer.OK
            assert worst(answers) is wanted


def test_troubles_make_a_finding():
    """All of what was found, each remedy once."""
    deviations = (Deviation("a", "mend"), Deviation("b", "mend", CheckAnswer.UNKNOWN), Deviation("c", ""))
    finding = finding_of("check", "x", deviations)
    assert (finding.answer, finding.found, finding.remedy) == (CheckAnswer.BROKEN, "a; b; c", "mend")
    assert finding_of("check", "x", (Deviation("b", "", CheckAnswer.UNKNOWN),)).answer is CheckAnswer.UNKNOWN
    assert finding_of("check", "x", ()).answer is CheckAnswer.OK


def test_a_report_of_nothing_is_printed():
    """No check, no division by anything."""
    assert summary(CheckReport(())) == "UNKNOWN: 0 checks, 0 ok, 0 broken, 0 unknown; 0 warnings"
    assert table(CheckReport(())).endswith("warnings\n")


# --- effects


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
    """What reaches out at once, and what waits for COMMIT."""
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


def test_code_that_cannot_be_read_counts_as_reaching_out():
    """PostgreSQL's own trigger modules aside."""
    assert [effect.outside for effect in of(FunctionSource("f", "plpython3u", ""))] == [True]
    assert of(FunctionSource("moddatetime", "c", "moddatetime")) == ()
    assert of(FunctionSource("suppress_redundant_updates_trigger", "internal", "x")) == ()


# --- furnishing


def need(name: str, kind: str = "uuid", reference: str = "", **other: object) -> ColumnOfTestRow:
    """A required column; `reference` is schema.table.column."""
    schema, table, column = reference.split(".") if reference else (None, None, None)
    facts: dict[str, object] = {
        "length": None,
        "required": True,
        "label": None,
        "is_array": False,
        "reference": f"fk_{name}" if reference else None,
    }
    facts |= other
    return ColumnOfTestRow(name, kind, parent_schema=schema, parent_table=table, parent_column=column, **facts)  # type: ignore[arg-type]


def test_parents_come_first_and_once():
    """One user for the course and for whoever else refers to users."""
    tables = {
        ("public", "courses"): [
            need("id"),
            need("user_id", reference="auth.users.id"),
            need("team", reference="public.teams.id"),
        ],
        ("public", "teams"): [need("id"), need("region", "text")],
        ("auth", "users"): [need("id")],
    }
    rows = plan(lambda schema, table: tables.get((schema, table), []), "public", {})
    assert [row.table for row in rows] == ["teams", "users", "courses"]
    course = rows[-1].values
    assert course["team"] == rows[0].values["id"]
    assert course["user_id"] == rows[1].values["id"]


def test_given_values_refer_to_what_exists():
    """A user given by hand is not made anew."""
    tables = {
        ("public", "courses"): [need("id"), need("user_id", reference="auth.users.id")],
        ("auth", "users"): [need("id")],
    }
    given = str(uuid.uuid4())
    rows = plan(lambda schema, table: tables.get((schema, table), []), "public", {"user_id": given})
    assert [(row.table, row.values.get("user_id")) for row in rows] == [("courses", given)]


def test_texts_fit_their_columns():
    """The shortest still differ from each other as far as they can."""
    tables = {("public", "courses"): [need("id"), need("a", "character varying", length=4), need("b", "text")]}
    values = plan(lambda schema, table: tables.get((schema, table), []), "public", {})[-1].values
    assert len(str(values["a"])) == 4
    assert str(values["b"]).startswith("outbox-smoke-")


@pytest.mark.parametrize(
    ("columns", "given", "said"),
    [
        ([need("title", "text")], {}, "no column id"),
        ([need("id")], {"colour": "red"}, "no column colour"),
        ([need("id"), need("at", "point")], {}, "type point"),
        ([need("id"), need("parent", reference="public.courses.id")], {}, "refers to itself"),
    ],
)
def test_what_cannot_be_furnished_is_named(columns, given, said):
    """Rather than tried."""
    with pytest.raises(MissingValue, match=said):
        plan(lambda _, table: columns if table == "courses" else [], "public", given)


def test_the_documented_course_has_these_columns():
    """The guide's own INSERT."""
    assert furnish.COURSE_COLUMNS == ("id", "title", "slug", "user_id", "organization_id")


@pytest.mark.parametrize(
    ("schedule", "hours", "utc"),
    [
        ("0 3 * * *", 0, "0 3 * * *"),
        ("0 3 * * *", 9, "0 18 * * *"),
        ("0 12 * * *", 9, "0 3 * * *"),
        ("0 3 * * *", -3.5, "30 6 * * *"),
        ("0 3 * * *", 5.75, "15 21 * * *"),
        ("0 22 * * *", -8, "0 6 * * *"),
        ("0 2 * * 0", 9, "0 17 * * 6"),
        ("0 2 * * sun", -8, "0 10 * * 0"),
        ("0 20 * * 6", -8, "0 4 * * 0"),
        ("0 2 1 * *", -8, "0 10 1 * *"),
        # Another day in UTC, which five fields cannot say.
        ("0 2 1 * *", 9, ""),
        ("0 2 * * 1-5", 9, ""),
        ("*/5 * * * *", 9, ""),
        ("30 seconds", 9, ""),
        ("30 seconds", 0, "30 seconds"),
        ("@daily", 9, ""),
    ],
)
def test_a_schedule_in_utc(schedule, hours, utc):
    """What pg_cron reads in its own zone, as it runs in UTC."""
    assert in_utc(schedule, hours * 3600) == utc
