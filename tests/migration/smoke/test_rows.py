"""The test rows fit the tables, whatever these require."""

from __future__ import annotations

import uuid

import pytest

from exporter.migration.report import CheckAnswer
from exporter.migration.smoke import rows
from exporter.migration.smoke.rows import CourseColumn, MissingValue, plan
from exporter.migration.smoke.run import smoke
from tests.migration.database_rows import contents


def need(name: str, kind: str = "uuid", reference: str = "", **other: object) -> CourseColumn:
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
    return CourseColumn(name, kind, parent_schema=schema, parent_table=table, parent_column=column, **facts)  # type: ignore[arg-type]


def test_parents_come_first_and_once():
    """One user for the course and for every other row that refers to users."""
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


def test_given_values_refer_to_existing_rows():
    """No row is planned for a user that is given."""
    tables = {
        ("public", "courses"): [need("id"), need("user_id", reference="auth.users.id")],
        ("auth", "users"): [need("id")],
    }
    given = str(uuid.uuid4())
    rows = plan(lambda schema, table: tables.get((schema, table), []), "public", {"user_id": given})
    assert [(row.table, row.values.get("user_id")) for row in rows] == [("courses", given)]


def test_texts_fit_their_columns():
    """Short columns get the end of a random text."""
    tables = {("public", "courses"): [need("id"), need("a", "character varying", length=4), need("b", "text")]}
    values = plan(lambda schema, table: tables.get((schema, table), []), "public", {})[-1].values
    assert len(str(values["a"])) == 4
    assert str(values["b"]).startswith("outbox-smoke-")


@pytest.mark.parametrize(
    ("columns", "given", "message"),
    [
        ([need("title", "text")], {}, "no column id"),
        ([need("id")], {"colour": "red"}, "no column colour"),
        ([need("id"), need("at", "point")], {}, "type point"),
        ([need("id"), need("parent", reference="public.courses.id")], {}, "refers to itself"),
    ],
)
def test_a_column_without_a_value_is_named(columns, given, message):
    """Before anything is inserted."""
    with pytest.raises(MissingValue, match=message):
        plan(lambda _, table: columns if table == "courses" else [], "public", given)


def test_the_documented_course_has_these_columns():
    """Those of the INSERT in the guide."""
    assert rows.COURSE_COLUMNS == ("id", "title", "slug", "user_id", "organization_id")


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
def test_rows_adapt_to_the_courses_table(database, case):
    """Required columns are found in the catalogue and filled; no row is left."""
    database.execute(ADAPTED[case])
    before = contents(database)
    report = smoke(database.dsn(), "public")
    assert report.answer is CheckAnswer.OK, report.findings
    assert contents(database) == before


LACKING = {
    "a type without a known value": ("ALTER TABLE courses ADD spot POINT NOT NULL", "courses.spot", None),
    "a check of values": (
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
def test_a_value_that_is_missing_is_reported(database, case):
    """The step is unknown and names the column; with --set it succeeds."""
    statement, message, given = LACKING[case]
    database.execute(statement)
    report = smoke(database.dsn(), "public")
    assert report.answer is CheckAnswer.UNKNOWN
    assert any(message in finding.found for finding in report.findings)
    if given:
        assert smoke(database.dsn(), "public", given).answer is CheckAnswer.OK
