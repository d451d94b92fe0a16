"""Reads the facts that `verify` checks from PostgreSQL's catalogue, in one snapshot.

It reads no row of the application's tables. It reads pg_cron's tables and the migration history as far as the role may.
"""

from dataclasses import dataclass, field
from typing import TypeVar

from exporter.database import Session
from exporter.migration import expected
from exporter.migration.sql_text import identifier
from exporter.migration.verify.access_checks import Cron, MigrationHistory, read_cron, read_history

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Relation:
    """One row of sql/migration/relations.sql."""

    schema_name: str
    table_name: str
    kind: str | None
    persistence: str | None
    partition_key: list[str]
    row_security: bool
    hidden_from: list[str]
    id_type: str | None
    id_unique: bool
    file: int | None = None
    options: list[str] = field(default_factory=list)
    triggers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Partition:
    """One row of sql/migration/partitions.sql."""

    table_name: str
    schema_name: str
    name: str
    persistence: str
    fires: bool
    row_security: bool
    policies: list[str]
    open_to: list[str]

    @property
    def full_name(self) -> str:
        """Schema and name, quoted where necessary."""
        return identifier(self.schema_name, self.name)


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """One row of sql/migration/columns.sql."""

    table_name: str
    name: str
    type: str
    nullable: bool
    default_expression: str | None


@dataclass(frozen=True, slots=True)
class Constraint:
    """One row of sql/migration/constraints.sql."""

    table_name: str
    name: str
    kind: str
    columns: list[str]
    parent_schema: str | None
    parent_table: str | None
    parent_columns: list[str]
    on_delete: str | None
    definition: str | None
    enforced: bool
    valid: bool
    fires: bool


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """One row of sql/migration/indexes.sql."""

    table_name: str
    name: str
    columns: list[str]
    predicate: str | None
    usable: bool
    ordered: bool


@dataclass(frozen=True, slots=True)
class FoundPolicy:
    """One row of sql/migration/policies.sql."""

    table_name: str
    name: str
    permissive: bool
    command: str
    using_expression: str | None
    check_expression: str | None
    applies_to: list[str]


@dataclass(frozen=True, slots=True)
class FoundFunction:
    """One row of sql/migration/functions.sql."""

    name: str
    arguments: str
    parameter_names: list[str]
    parameter_types: list[str]
    optional: int
    returns: str
    ordinary: bool
    volatile: bool
    security_definer: bool
    search_path: str | None
    language: str
    body: str
    callers: list[str]
    creators: list[str]


@dataclass(frozen=True, slots=True)
class Leftover:
    """One row of sql/migration/leftovers.sql."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The one row of sql/migration/settings.sql."""

    database: str
    server_version: int
    server_settings: list[str]


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """All that `verify` checks, of one schema in one snapshot."""

    schema: str
    settings: Settings
    relations: tuple[Relation, ...]
    partitions: tuple[Partition, ...]
    columns: tuple[FoundColumn, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[FoundIndex, ...]
    policies: tuple[FoundPolicy, ...]
    functions: tuple[FoundFunction, ...]
    leftovers: tuple[Leftover, ...]
    cron: Cron
    history: MigrationHistory

    def full_name(self, name: str) -> str:
        """Schema and name of a documented table or function, as in SQL; the name needs no quotes."""
        return f"{self.home}.{name}"

    def is_partitioned(self, table: str) -> bool:
        """Whether this table of the schema is partitioned."""
        relation = self.relation(self.schema, table)
        return relation is not None and relation.kind == "p"

    def partitions_of(self, table: str) -> tuple[Partition, ...]:
        """The partitions of this table, at every level."""
        return tuple(part for part in self.partitions if part.table_name == table)

    @property
    def home(self) -> str:
        """The name of the schema, quoted where necessary."""
        return identifier(self.schema)

    def relation(self, schema: str, table: str) -> Relation | None:
        """The relation of that name; None when it does not exist."""
        named = (r for r in self.relations if (r.schema_name, r.table_name) == (schema, table))
        return next((relation for relation in named if relation.kind is not None), None)


ROLES = (*expected.OUTSIDERS, "service_role")


def read(session: Session) -> SchemaFacts:
    """Read the facts about the configured schema. Raises: SampleError; Locked while a table is locked."""
    settings = session.fetch_one("migration/settings", Settings)
    schema, tables, functions = session.schema, list(expected.TABLE_NAMES), list(expected.FUNCTION_NAMES)
    outsiders = list(expected.OUTSIDERS)
    policies = [policy.name for table in expected.TABLES for policy in table.policies]
    names = [name for table in expected.TABLES for name in (table.name, *(index.name for index in table.indexes))]
    parents = {"schemas": [*(schema for _ in tables), schema, "auth"], "tables": [*tables, "courses", "users"]}

    def rows(name: str, row: type[Row], **parameters: object) -> tuple[Row, ...]:
        return tuple(session.fetch(f"migration/{name}", row, **parameters))

    return SchemaFacts(
        schema=schema,
        settings=settings,
        relations=rows("relations", Relation, **parents, functions=functions, policies=policies),
        partitions=rows("partitions", Partition, schema=schema, tables=tables, outsiders=outsiders),
        columns=rows("columns", FoundColumn, schema=schema, tables=tables),
        constraints=rows("constraints", Constraint, schema=schema, tables=tables),
        indexes=rows("indexes", FoundIndex, schema=schema, tables=tables),
        policies=rows("policies", FoundPolicy, schema=schema, tables=tables, outsiders=outsiders),
        functions=rows("functions", FoundFunction, schema=schema, names=functions, roles=list(ROLES)),
        leftovers=rows("leftovers", Leftover, schema=schema, names=names),
        cron=read_cron(session),
        history=read_history(session),
    )
