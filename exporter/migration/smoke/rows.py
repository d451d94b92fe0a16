"""Plans the rows that a smoke test inserts: a course, and a row of each table that it has to refer to.

It never refers to rows of others: a foreign key would lock them against deletion until the transaction ends.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

# The columns of the reference document's test course; other required columns are read from the catalogue.
COURSE_COLUMNS = ("id", "title", "slug", "user_id", "organization_id")

_MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class CourseColumn:
    """One row of sql/migration/smoke_columns.sql: a column of `courses` or of a table that it refers to."""

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
    """One row to insert. Shape: `values` by column."""

    schema: str
    table: str
    values: Mapping[str, object]


class MissingValue(Exception):
    """No value is known for a column; the message names it."""


ColumnLookup = Callable[[str, str], Sequence[CourseColumn]]


def plan(lookup: ColumnLookup, schema: str, given: Mapping[str, str]) -> tuple[PlannedRow, ...]:
    """The rows to insert, in this order; the last one is the course.

    `lookup` returns the columns of a table. `given` maps columns of `courses` to values; rows that these refer to have
    to exist. Raises: MissingValue.
    """
    columns = {column.name for column in lookup(schema, "courses")}
    if "id" not in columns:
        raise MissingValue(f"{schema}.courses has no column id")
    if unknown := sorted(set(given) - columns):
        raise MissingValue(f"{schema}.courses has no column {', '.join(unknown)}")
    planner = _Planner(lookup)
    wanted = frozenset(COURSE_COLUMNS) & columns
    planner.add(_RowRequest(schema, "courses", given, wanted, existing=frozenset(given)))
    course = planner.rows.pop()
    # fsm_events refers to auth.users, whatever courses.user_id refers to.
    user = course.values.get("user_id")
    if user is not None and "user_id" not in given and lookup("auth", "users"):
        planner.add(_RowRequest("auth", "users", {"id": user}))
    return (*planner.rows, course)


@dataclass(frozen=True, slots=True)
class _RowRequest:
    """A row to plan: `given` values, `wanted` columns beside the required ones, `existing` refer to existing rows."""

    schema: str
    table: str
    given: Mapping[str, object]
    wanted: frozenset[str] = frozenset()
    existing: frozenset[str] = frozenset()

    def matches(self, row: PlannedRow) -> bool:
        """Whether a row planned earlier serves, so that both references are to one user and not to two."""
        same = (row.schema, row.table) == (self.schema, self.table)
        return same and all(row.values.get(name) == value for name, value in self.given.items())


class _Planner:
    def __init__(self, lookup: ColumnLookup) -> None:
        self._lookup = lookup
        self.rows: list[PlannedRow] = []

    def add(self, request: _RowRequest, depth: int = 0) -> Mapping[str, object]:
        """Plan a row after the rows that it refers to; returns its values by column. Raises: MissingValue."""
        if known := next((row for row in self.rows if request.matches(row)), None):
            return known.values
        name = f"{request.schema}.{request.table}"
        if depth > _MAX_DEPTH:
            raise MissingValue(f"{name} refers to itself by a required column")
        columns = self._lookup(request.schema, request.table)
        needed = [c for c in columns if c.required or c.name in request.wanted or c.name in request.given]
        values: dict[str, object] = dict(request.given)
        for key in _foreign_keys(needed):
            if not request.existing & {column.name for column in key}:
                values |= self._parent_values(key, values, depth)
        values |= {column.name: _value(name, column) for column in needed if column.name not in values}
        self.rows.append(PlannedRow(request.schema, request.table, values))
        return values

    def _parent_values(
        self, key: Sequence[CourseColumn], values: Mapping[str, object], depth: int
    ) -> dict[str, object]:
        """The values of the columns of a foreign key, from a row planned for it."""
        columns = {column.name: str(column.parent_column) for column in key}
        given = {parent: values[child] for child, parent in columns.items() if child in values}
        request = _RowRequest(str(key[0].parent_schema), str(key[0].parent_table), given, frozenset(columns.values()))
        row = self.add(request, depth + 1)
        return {child: row[parent] for child, parent in columns.items()}


def _foreign_keys(columns: Sequence[CourseColumn]) -> Iterator[list[CourseColumn]]:
    referring = sorted((c for c in columns if c.reference), key=lambda column: str(column.reference))
    for _, group in groupby(referring, key=lambda column: column.reference):
        yield list(group)


def _value(table: str, column: CourseColumn) -> object:
    """A value of the column's type, unlike that of any other row. Raises: MissingValue."""
    if column.is_array:
        return "{}"
    if column.label is not None:
        return column.label
    if column.type == "uuid":
        return uuid.uuid4()
    if column.type in ("text", "character varying", "character", "citext", "name"):
        return f"outbox-smoke-{uuid.uuid4().hex}"[-(column.length or 45) :]
    if column.type in ("integer", "bigint"):
        # Far from the keys of other rows. Not for security.
        return random.randrange(2**30, 2**31)  # noqa: S311
    if column.type not in _CONSTANT_VALUES:
        raise MissingValue(f"{table}.{column.name} is required, and no value for its type {column.type} is known")
    return _CONSTANT_VALUES[column.type]


_CONSTANT_VALUES: Mapping[str, object] = {
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
