"""What the database says about the migration: facts of one snapshot, read from the catalogue and judged elsewhere.

No row of the application's tables is read. pg_cron's tables and the register of migrations are, as far as the role
may: what it cannot see is None here, with the reason beside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from exporter.database import Session
from exporter.migration import expected
from exporter.migration.quoting import identifier
from exporter.migration.verify.access_checks import Cron, MigrationHistory, read_cron, read_history


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

    @property
    def is_table(self) -> bool:
        """An ordinary or a partitioned table."""
        return self.kind in ("r", "p")

    @property
    def is_partitioned(self) -> bool:
        """Its rows are in partitions; by which columns may be unknown."""
        return self.kind == "p"


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
        """Schema and name, as one writes them in SQL."""
        return identifier(self.schema_name, self.name)


@dataclass(frozen=True, slots=True)
class Column:
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
class Index:
    """One row of sql/migration/indexes.sql."""

    table_name: str
    name: str
    columns: list[str]
    predicate: str | None
    usable: bool
    ordered: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """One row of sql/migration/policies.sql."""

    table_name: str
    name: str
    permissive: bool
    command: str
    using_expression: str | None
    check_expression: str | None
    applies_to: list[str]


@dataclass(frozen=True, slots=True)
class Function:
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


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """Everything `verify` judges, in one snapshot of one schema."""

    schema: str
    relations: tuple[Relation, ...]
    partitions: tuple[Partition, ...]
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    policies: tuple[Policy, ...]
    functions: tuple[Function, ...]
    leftovers: tuple[Leftover, ...]
    cron: Cron
    register: MigrationHistory

    def partitions_of(self, table: str) -> tuple[Partition, ...]:
        """The partitions of this table, however deep."""
        return tuple(part for part in self.partitions if part.table_name == table)

    @property
    def home(self) -> str:
        """The schema as one writes it in SQL."""
        return identifier(self.schema)

    def relation(self, schema: str, table: str) -> Relation | None:
        """The relation of that name, if it exists."""
        return next(
            (r for r in self.relations if (r.schema_name, r.table_name) == (schema, table) and r.kind is not None), None
        )


ROLES = (*expected.OUTSIDERS, "service_role")

# What `check-config` may have the server plan: statements over the catalogue alone, which is always there.
STATEMENTS = tuple(
    f"migration/{name}"
    for name in (
        "settings",
        "cron_zone",
        "relations",
        "partitions",
        "columns",
        "constraints",
        "indexes",
        "policies",
        "functions",
        "leftovers",
    )
)


def read(session: Session) -> SchemaFacts:
    """The facts about the migration in the watched schema. Raises: SampleError; Locked while a table is locked."""
    schema, tables = session.schema, list(expected.TABLE_NAMES)
    wanted = [*((schema, table) for table in tables), (schema, "courses"), ("auth", "users")]
    session.fetch_one("migration/settings", Settings)
    return SchemaFacts(
        schema=schema,
        relations=tuple(
            session.fetch(
                "migration/relations",
                Relation,
                schemas=[schema for schema, _ in wanted],
                tables=[table for _, table in wanted],
                functions=list(expected.FUNCTION_NAMES),
                policies=[policy.name for table in expected.TABLES for policy in table.policies],
            )
        ),
        partitions=tuple(
            session.fetch(
                "migration/partitions", Partition, schema=schema, tables=tables, outsiders=list(expected.OUTSIDERS)
            )
        ),
        columns=tuple(session.fetch("migration/columns", Column, schema=schema, tables=tables)),
        constraints=tuple(session.fetch("migration/constraints", Constraint, schema=schema, tables=tables)),
        indexes=tuple(session.fetch("migration/indexes", Index, schema=schema, tables=tables)),
        policies=tuple(
            session.fetch(
                "migration/policies", Policy, schema=schema, tables=tables, outsiders=list(expected.OUTSIDERS)
            )
        ),
        functions=tuple(
            session.fetch(
                "migration/functions", Function, schema=schema, names=list(expected.FUNCTION_NAMES), roles=list(ROLES)
            )
        ),
        leftovers=tuple(session.fetch("migration/leftovers", Leftover, schema=schema, names=list(_names()))),
        cron=read_cron(session),
        register=read_history(session),
    )


def _names() -> Iterable[str]:
    for table in expected.TABLES:
        yield table.name
        yield from (index.name for index in table.indexes)
