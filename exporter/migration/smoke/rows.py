"""What a test course needs: a row of `courses`, and of every table that it has to refer to, all of them our own.

Rows of others are never referred to, since a reference locks them against deletion until we are done.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

# The reference document's own test course has these; what else is required is found in the catalogue.
COURSE_COLUMNS = ("id", "title", "slug", "user_id", "organization_id")

_MAX_DEPTH = 6
_INTEGERS = ("integer", "bigint")


@dataclass(frozen=True, slots=True)
class ColumnOfTestRow:
    """One row of sql/migration/smoke_columns.sql."""

    name: str
    type: str
    length: int | None
    required: bool
    label: str | None
    is_array: bool
    reference: str | None
    parent_schema: str | None
    parent_table: str | None
    parent_column: str | None


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One row to insert, after those before it."""

    schema: str
    table: str
    values: Mapping[str, object]


class MissingValue(Exception):
    """A column that we cannot fill; the message names it and says what to give."""


Lookup = Callable[[str, str], Sequence[ColumnOfTestRow]]


def plan(lookup: Lookup, schema: str, given: Mapping[str, str]) -> tuple[PlannedRow, ...]:
    """The rows to insert, in order; the last one is the course.

    `lookup` gives the columns of a table, `given` values for columns of courses that people know better; what these
    refer to is taken to exist. Raises: Lacks.
    """
    planner = _Planner(lookup)
    columns = {column.name for column in lookup(schema, "courses")}
    if "id" not in columns:
        raise MissingValue(f"{schema}.courses has no column id")
    if unknown := sorted(set(given) - columns):
        raise MissingValue(f"{schema}.courses has no column {', '.join(unknown)}")
    wanted = frozenset(COURSE_COLUMNS) & columns
    planner.row(_RowRequest(schema, "courses", given, wanted, settled=frozenset(given)))
    course = planner.rows.pop()
    # fsm_events refers to auth.users, whatever courses.user_id refers to.
    user = course.values.get("user_id")
    if user is not None and "user_id" not in given and lookup("auth", "users"):
        planner.row(_RowRequest("auth", "users", {"id": user}))
    return (*planner.rows, course)


class _Planner:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.rows: list[PlannedRow] = []

    def row(self, request: "_RowRequest", depth: int = 0) -> Mapping[str, object]:
        """Plan one row, and before it those that it refers to; answers with its values. Raises: Lacks."""
        if known := next((row for row in self.rows if request.is_met_by(row)), None):
            return known.values
        if depth > _MAX_DEPTH:
            raise MissingValue(f"{request.schema}.{request.table} refers to itself by a column that is required")
        columns = self._lookup(request.schema, request.table)
        needed = [c for c in columns if c.required or c.name in request.wanted or c.name in request.given]
        values: dict[str, object] = dict(request.given)
        for key in _references(needed):
            if not request.settled & {column.name for column in key}:
                values.update(self._refer(key, values, depth))
        for column in needed:
            if column.name not in values:
                values[column.name] = _value(f"{request.schema}.{request.table}", column)
        self.rows.append(PlannedRow(request.schema, request.table, values))
        return values

    def _refer(self, key: Sequence[ColumnOfTestRow], values: Mapping[str, object], depth: int) -> dict[str, object]:
        """The values of a reference's columns, from a row planned for them."""
        columns = {c.name: str(c.parent_column) for c in key}
        given = {parent: values[child] for child, parent in columns.items() if child in values}
        request = _RowRequest(str(key[0].parent_schema), str(key[0].parent_table), given, frozenset(columns.values()))
        row = self.row(request, depth + 1)
        return {child: row[parent] for child, parent in columns.items()}


@dataclass(frozen=True, slots=True)
class _RowRequest:
    """A row: `given` values, `wanted` columns beside the required ones, `settled` ones refer to what is there."""

    schema: str
    table: str
    given: Mapping[str, object]
    wanted: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()

    def is_met_by(self, row: PlannedRow) -> bool:
        """A row planned earlier serves, so that one user is referred to twice and not two."""
        same = (row.schema, row.table) == (self.schema, self.table)
        return same and all(row.values.get(name) == value for name, value in self.given.items())


def _references(columns: Sequence[ColumnOfTestRow]) -> Iterator[list[ColumnOfTestRow]]:
    referring = sorted((c for c in columns if c.reference), key=lambda column: str(column.reference))
    for _, group in groupby(referring, key=lambda column: column.reference):
        yield list(group)


def _value(table: str, column: ColumnOfTestRow) -> object:
    """Anything of the right type, unlike anybody else's. Raises: Lacks."""
    if column.is_array:
        return "{}"
    if column.label is not None:
        return column.label
    if column.type == "uuid":
        return uuid.uuid4()
    if column.type in ("text", "character varying", "character", "citext", "name"):
        return f"outbox-smoke-{uuid.uuid4().hex}"[-(column.length or 45) :]
    if column.type in _INTEGERS:
        # Keys of ours stay away from everybody's; the generator is no secret.
        return random.randrange(2**30, 2**31)  # noqa: S311
    if column.type not in _PLAIN:
        raise MissingValue(f"{table}.{column.name} is required, and no value for its type {column.type} is known")
    return _PLAIN[column.type]


_PLAIN: Mapping[str, object] = {
    "smallint": 1,
    "numeric": 1,
    "real": 1,
    "double precision": 1,
    "boolean": False,
    "json": "{}",
    "jsonb": "{}",
    "bytea": b"",
    "date": datetime(2025, 11, 18, tzinfo=UTC).date(),
    "timestamp with time zone": datetime(2025, 11, 18, tzinfo=UTC),
    "timestamp without time zone": datetime(2025, 11, 18),  # noqa: DTZ001 - a type without a zone
    "time without time zone": "00:00",
    "interval": "0",
    "inet": "127.0.0.1",
}
