"""Whether the role sees every row that it is about to count.

Row-level security filters silently: a role without BYPASSRLS counts 0 rows in a full table, and a dead system looks
healthy. So no value is published before the catalogue shows that the role bypasses row security, owns the table, or has
a permissive policy that admits everything and no restrictive one that takes rows away again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter.core.errors import PermissionDenied, RowsHidden, SchemaMismatch

# Ordinary and partitioned tables. A view's rows cannot be proved complete from outside.
COUNTABLE = ("r", "p")
# Roles in which an API's callers come in, signed in or not (PostgREST, Supabase): their privileges are everybody's.
PUBLIC_ROLES = ("public", "anon", "web_anon", "authenticated", "authenticator", "service_role")
_OWN_ROLE = "an API's callers come in by this role: use one of your own instead, exporter/sql/setup/monitoring_role.sql"

# The kind that a column is read as; its type must fit. Columns that are not named here may have any type.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("created_at", "processed_at", "last_attempt_at", "expires_at"), "time"),
        **dict.fromkeys(("queue_name", "event_type", "created_by"), "text"),
        **dict.fromkeys(("outbox_id", "event_id"), "id"),
        "attempts": "integer",
    }
)
_EXPECTED = "expected timestamptz for a time, an integer for attempts, text for a name, and NOT NULL for an id"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a collector reads, and the columns of it that it needs: no more is ever asked for.

    Shape: `kinds` has the kind of each column, as in `KINDS`; empty for the columns that are named there. `markers` are
    the columns whose NULL says that something has not happened.
    """

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableVisibility:
    """One row of sql/visibility.sql: one table and the role's access to it. Names are quoted where they need it."""

    schema_name: str
    table_name: str
    schema_usable: bool
    relkind: str | None
    missing_columns: list[str]
    unreadable_columns: list[str]
    unfit_columns: list[str]
    zoneless_columns: list[str]
    nullable_columns: list[str]
    zone: str | None
    row_security: bool
    opened: bool
    narrowed_by: list[str]
    has_roles: list[int]
    lacks_roles: list[int]


def question(schema: str, reads: Iterable[Table], zone: str | None = None) -> Mapping[str, object]:
    """The parameters of sql/visibility.sql for these tables; `zone` says how columns of type timestamp are read."""
    columns = [
        (column, table.name, kind)
        for table in reads
        for column, kind in zip(table.columns, table.kinds or map(_kind, table.columns), strict=True)
    ]
    return {
        "schema": schema,
        "tables": [table.name for table in reads],
        "columns": [column for column, _, _ in columns],
        "column_tables": [table for _, table, _ in columns],
        "column_kinds": [kind for _, _, kind in columns],
        "zone": zone or "",
    }


def _kind(column: str) -> str:
    return KINDS.get(column, "")


def check_access(role: str, answers: Iterable[TableVisibility]) -> None:
    """Return when every table can be counted. `role` is quoted where its name needs it.

    Raises: SchemaMismatch, PermissionDenied or RowsHidden for the first table that cannot, with the fixing statement.
    """
    for found in answers:
        _check_schema(role, found)
        _check_columns(role, found)
        _check_types(found)
        _check_rows(role, found)


def check_markers(reads: Iterable[Table], answers: Iterable[TableVisibility]) -> None:
    """Return when each marker may be NULL: another one says the same of every row. Raises: SchemaMismatch."""
    nullable = {column for found in answers for column in found.nullable_columns}
    for table in reads:
        if always := [column for column in table.markers if f"{table.name}.{column}" not in nullable]:
            raise SchemaMismatch(
                f"{table.name} has {', '.join(always)} NOT NULL, where NULL means that something has not happened; "
                "every row would count as processed, failed, running or removed"
            )


def remedy(role: str, statement: str) -> str:
    """The statement that lets a role see more; for a public role, the advice to use another one."""
    return _OWN_ROLE if role in PUBLIC_ROLES else statement


def _check_schema(role: str, found: TableVisibility) -> None:
    table, schema = found.table_name, found.schema_name
    if found.relkind is None:
        raise SchemaMismatch(f"there is no table {table}; is the migration applied, and database.schema right?")
    if not found.schema_usable:
        grant = remedy(role, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        raise PermissionDenied(f"role {role} may not use schema {schema}: {grant}")
    if found.relkind not in COUNTABLE:
        raise SchemaMismatch(f"{table} is not a table (relkind {found.relkind}); its rows cannot be proved complete")


def _check_columns(role: str, found: TableVisibility) -> None:
    table = found.table_name
    if found.missing_columns:
        raise SchemaMismatch(f"{table} has no column {', '.join(found.missing_columns)}")
    if found.unreadable_columns:
        columns = ", ".join(found.unreadable_columns)
        grant = remedy(role, f"GRANT SELECT ({columns}) ON {table} TO {role}")
        raise PermissionDenied(f"role {role} may not read {table}: {grant}")


def _check_types(found: TableVisibility) -> None:
    table = found.table_name
    if found.unfit_columns:
        raise SchemaMismatch(f"{table} has {', '.join(found.unfit_columns)}: {_EXPECTED}; its values cannot be read")
    if found.zoneless_columns and not found.zone:
        columns = ", ".join(found.zoneless_columns)
        changes = ", ".join(
            f"ALTER {column} TYPE timestamptz USING {column} AT TIME ZONE '...'" for column in found.zoneless_columns
        )
        raise SchemaMismatch(
            f"{table} has {columns} of type timestamp without time zone, which is no point in time: "
            f"ALTER TABLE {table} {changes}, or set database.timestamp_zone, either to the zone that their writers use"
        )


def _check_rows(role: str, found: TableVisibility) -> None:
    table = found.table_name
    if not found.row_security:
        return
    if not found.opened:
        let_in = remedy(
            role,
            f"ALTER ROLE {role} BYPASSRLS, "
            f"or CREATE POLICY outbox_monitor_read ON {table} FOR SELECT TO {role} USING (true)",
        )
        raise RowsHidden(f"row-level security hides rows of {table} from role {role}: {let_in}")
    if found.narrowed_by:
        exempt = remedy(role, f"ALTER ROLE {role} BYPASSRLS, or exempt {role} from the policy")
        narrowed = ", ".join(sorted(set(found.narrowed_by)))
        raise RowsHidden(f"restrictive policy {narrowed} may hide rows of {table} from role {role}: {exempt}")
