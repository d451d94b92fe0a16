"""The tables and views of a database, as its system catalogues describe them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from exporter.database import Session

# Of so many tables and views at most. A database with more has schemas per tenant, where one has to be named anyway.
RELATION_LIMIT = 20_000

TIMES = ("timestamp with time zone", "timestamp without time zone")
INTEGERS = ("smallint", "integer", "bigint")
NUMBERS = ("integer", "bigint", "numeric", "double precision")
TEXTS = ("text", "character varying", "character", "name", "citext")


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One row of sql/adoption/columns.sql."""

    schema_name: str
    table_name: str
    kind: str
    row_security: bool
    below: list[str]
    column_name: str
    type: str
    not_null: bool
    key_position: int | None
    labels: list[str]


@dataclass(frozen=True, slots=True)
class ExpressionsRow:
    """One row of sql/adoption/expressions.sql."""

    column_name: str
    default_value: str | None
    checks: list[str]
    zone: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `labels` are those of its enumeration."""

    name: str
    type: str
    not_null: bool = False
    labels: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether it holds words, by its type or as an enumeration."""
        return self.type.rpartition(".")[2] in TEXTS or bool(self.labels)


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view. Shape: `key` identifies a row, empty without such columns; `below` is what a view reads."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    kind: str = "r"
    row_security: bool = False
    below: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """Schema and name, unquoted."""
        return f"{self.schema}.{self.name}"

    @property
    def is_table(self) -> bool:
        """Whether its rows can be proved complete."""
        return self.kind in {"r", "p"}

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


def read(session: Session) -> tuple[Relation, ...]:
    """All tables and views but those of the system and of extensions. Raises: SampleError."""
    return relations(session.fetch("adoption/columns", ColumnRow, relation_limit=RELATION_LIMIT))


def read_expressions(session: Session, relation: Relation) -> Mapping[str, ExpressionsRow]:
    """Defaults and checks by column. Raises: SampleError."""
    rows = session.fetch("adoption/expressions", ExpressionsRow, schema=relation.schema, table=relation.name)
    return {row.column_name: row for row in rows}


def relations(rows: Iterable[ColumnRow]) -> tuple[Relation, ...]:
    """The relations of these rows, which are in the order of the relations."""
    groups = groupby(rows, key=lambda row: (row.schema_name, row.table_name))
    return tuple(_relation(tuple(columns)) for _, columns in groups)


def _relation(rows: Sequence[ColumnRow]) -> Relation:
    first = rows[0]
    keyed = sorted((row.key_position, row.column_name) for row in rows if row.key_position is not None)
    return Relation(
        first.schema_name,
        first.table_name,
        tuple(Column(row.column_name, row.type, row.not_null, tuple(row.labels)) for row in rows),
        tuple(name for _, name in keyed),
        first.kind,
        first.row_security,
        tuple(first.below),
    )
