"""Tables from rows of the catalogue, and on a real server what the statements find."""

from __future__ import annotations

import re
import typing
from dataclasses import fields
from typing import Any

import pytest

from exporter.adoption import catalogue
from exporter.adoption.catalogue import Column, ColumnRow, ExpressionsRow, Relation
from exporter.adoption.evidence import NumbersRow
from exporter.database import queries
from exporter.database.statuses import StatusRow
from tests.adoption.relations import AT
from tests.database.sampling import database_client
from tests.postgres import temporary

ROWS: dict[str, tuple[type[Any], set[str]]] = {
    "columns": (ColumnRow, {"relation_limit"}),
    "expressions": (ExpressionsRow, {"schema", "table"}),
    "numbers": (NumbersRow, {"count_limit"}),
    "statuses": (StatusRow, {"count_limit"}),
}
PYTHON: dict[str, Any] = {"text": str, "bigint": int, "integer": int, "double precision": float, "boolean": bool}
TABLES = """
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE DOMAIN moment AS timestamptz;
    CREATE TABLE jobs (
        a bigint, b uuid, made moment NOT NULL DEFAULT now(), mood mood, state text CHECK (state IN ('x', 'it''s')),
        PRIMARY KEY (b, a)
    ) PARTITION BY RANGE (a);
    CREATE TABLE jobs_1 PARTITION OF jobs FOR VALUES FROM (0) TO (9);
    ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
    CREATE TABLE keyed (id int NOT NULL UNIQUE, other int UNIQUE, done timestamp DEFAULT timezone('UTC', now()));
    CREATE VIEW seen AS SELECT k.id FROM keyed AS k JOIN jobs AS j ON j.a = k.id;
    CREATE TEMP TABLE mine (id int);
"""


@pytest.mark.parametrize("name", ROWS)
def test_the_header_fits_the_row_and_the_parameters(name):
    """A field per column, optional where it may be null; each parameter is used."""
    row, parameters = ROWS[name]
    query = queries.load(f"adoption/{name}")
    assert set(re.findall(r"%\((\w+)\)s", query.text)) == {each.name for each in query.parameters} == parameters
    hints = typing.get_type_hints(row)
    assert [each.name for each in fields(row)] == list(query.column_names)
    for column in query.columns:
        element = PYTHON[column.type.removesuffix("[]")]
        wanted = list[element] if column.type.endswith("[]") else element  # type: ignore[valid-type]
        assert hints[column.name] == (wanted | None if column.nullable else wanted), column


def test_relations_of_rows():
    """Columns in their order, the key in its own."""

    def row(table: str, name: str, position: int | None) -> ColumnRow:
        return ColumnRow("public", table, "r", False, [], name, "integer", True, position, [])

    rows = [row("a", "x", 2), row("a", "y", 1), row("b", "x", None)]
    assert catalogue.relations(rows) == (
        Relation("public", "a", (Column("x", "integer", True), Column("y", "integer", True)), ("y", "x")),
        Relation("public", "b", (Column("x", "integer", True),)),
    )


def test_tables_of_a_server(embedded):
    """Types below domains, enumerations, keys; no partitions, temporary tables or tables of the system."""
    with temporary(embedded) as database:
        database.execute(TABLES.encode())
        with database_client(database.dsn()) as client, client.sample() as session:
            jobs, keyed, seen = catalogue.read(session)
            expressions = [catalogue.read_expressions(session, each) for each in (jobs, keyed)]
    assert (jobs.kind, jobs.key, jobs.row_security, jobs.is_table) == ("p", ("b", "a"), True, True)
    assert jobs.columns[2:4] == (Column("made", AT, True), Column("mood", "public.mood", False, ("sad", "happy")))
    assert jobs.columns[3].is_text
    assert (keyed.key, keyed.row_security) == (("id",), False)
    assert (seen.kind, seen.below, seen.is_table) == ("v", ("public.jobs", "public.keyed"), False)
    assert expressions[0]["made"].default_value == "now()"
    assert expressions[0]["state"].checks == ["CHECK ((state = ANY (ARRAY['x'::text, 'it''s'::text])))"]
    assert "UTC" in (expressions[1]["done"].default_value or "")
