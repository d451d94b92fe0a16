"""Conditions that each statement of a session proves: it runs in the session's transaction, and no row is hidden.

Nor is any row missing: an ALTER TABLE that rewrites a table writes every row anew, so that a snapshot from before it
finds none of them, and no error (PostgreSQL documentation, "Caveats" of concurrency control). The same is true of a
table that takes the place of another. So the table in the snapshot is compared with the one that the server has found
by its name.

The catalogue alone is no proof. Its answer is as old as the transaction's snapshot, but the server applies the policies
and memberships of the moment in which it plans a statement. Policies cannot change once the transaction holds a lock on
the table, so a plan made under that lock shows them; memberships can, so every statement checks them again.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from psycopg import sql

from exporter.core.errors import RowsHidden
from exporter.database.error_mapping import ROLES, SAMPLE, TABLES
from exporter.database.queries import literal
from exporter.database.visibility import Table, TableVisibility

# True in a transaction that sql/defaults.sql began, an error that names the setting in any other. clock_timestamp() is
# for Pgpool-II: it sends a statement without a volatile function to any of its servers.
_IN_TRANSACTION = (
    f"coalesce(nullif(current_setting('{SAMPLE}', true), ''), '{SAMPLE}')::boolean AND clock_timestamp() IS NOT NULL"
)


def condition(answers: Iterable[TableVisibility]) -> str:
    """The SQL condition that every statement of a session has besides its own: true, or an error."""
    seen = tuple(answers)
    if not any(found.row_security for found in seen):
        return _IN_TRANSACTION  # row_security is off: whatever hides rows is an error
    has = sorted({role for found in seen for role in found.has_roles})
    lacks = sorted({role for found in seen for role in found.lacks_roles})
    if not has and not lacks:
        return _IN_TRANSACTION
    roles = [f"pg_has_role({role}::oid, 'USAGE')" for role in has]
    roles += [f"NOT pg_has_role({role}::oid, 'USAGE')" for role in lacks]
    same = f"(CASE WHEN {' AND '.join(roles)} THEN 'true' ELSE '{ROLES}' END)::boolean"
    return f"{same} AND {_IN_TRANSACTION}"


_IN_ONE_PIECE = " AND c.relkind <> 'p'"
_IN_PARTITIONS = (
    " AND (c.relkind <> 'p' OR NOT EXISTS (SELECT FROM pg_partition_tree(c.oid) AS tree"
    " JOIN pg_class AS part ON part.oid = tree.relid"
    " WHERE part.relfilenode <> coalesce(pg_relation_filenode(part.oid), 0)))"
)


@lru_cache(maxsize=64)
def of_tables(schema: str, tables: tuple[str, ...], unpartitioned: frozenset[str] = frozenset()) -> str:
    """The SQL condition that a statement that reads these tables has besides: true, or an error.

    In the catalogue the snapshot finds each table under its name and with the files that the server reads now. For
    `unpartitioned` tables partitions are not looked up: planning that would take longer than most answers. Cached:
    composing takes longer than the rest of a fetch.
    """
    same = " AND ".join(
        _is_same(schema, table, _IN_ONE_PIECE if table in unpartitioned else _IN_PARTITIONS) for table in tables
    )
    return f"(CASE WHEN {same} THEN 'true' ELSE '{TABLES}' END)::boolean" if same else "true"


def _is_same(schema: str, table: str, pieces: str) -> str:
    return (
        sql.SQL(
            "(SELECT c.relnamespace = {schema}::regnamespace AND c.relname = {name}"
            " AND c.relfilenode = coalesce(pg_relation_filenode(c.oid), 0){pieces}"
            " FROM pg_class AS c WHERE c.oid = {table}::regclass)"
        )
        .format(
            schema=literal(sql.Identifier(schema).as_string()),
            name=literal(table),
            pieces=sql.SQL(pieces),
            table=literal(sql.Identifier(schema, table).as_string()),
        )
        .as_string()
    )


def plan_of_all_rows(schema: str, reads: Iterable[Table]) -> bytes:
    """An EXPLAIN of reading every row of these tables, which locks them, so that policies stay as they are.

    TABLESAMPLE uses no index, so that no condition is left out of the plan because an index implies it.
    """
    tables = (sql.SQL("{} TABLESAMPLE SYSTEM (100)").format(sql.Identifier(schema, table.name)) for table in reads)
    return (
        sql.SQL("/* outbox-exporter: plan */ EXPLAIN (COSTS OFF) SELECT FROM {}")
        .format(sql.SQL(", ").join(tables))
        .as_bytes()
    )


def check_plan(role: str, lines: Sequence[tuple[str]]) -> None:
    """Return when the plan reads every row. Raises: RowsHidden."""
    if any("Filter: " in line for (line,) in lines):
        raise RowsHidden(f"row-level security began to hide rows from role {role} while the sample began; try again")
