"""What each statement of a session proves: that it runs in the session's transaction, and that no row is hidden.

The catalogue alone is no proof. Its answer is as old as the transaction's snapshot, but the server applies the policies
and memberships of the moment in which it plans a statement. Policies cannot change once the transaction holds a lock on
the table, so a plan that is made under that lock shows what they are; memberships can, so statements ask again.
"""

from collections.abc import Iterable, Sequence

from psycopg import sql

from exporter.database.translation import ROLES, SAMPLE
from exporter.errors import Blind
from exporter.visibility import Sight, Table

# True in a transaction that sql/defaults.sql began; an error that names it anywhere else. The clock is there for
# Pgpool-II: it takes a statement without a volatile function for one that any of its servers may answer.
_IN_TRANSACTION = (
    f"coalesce(nullif(current_setting('{SAMPLE}', true), ''), '{SAMPLE}')::boolean AND clock_timestamp() IS NOT NULL"
)


def condition(sights: Iterable[Sight]) -> str:
    """What every statement of a session asks besides its question; it holds, or raises an error."""
    seen = tuple(sights)
    if not any(sight.row_security for sight in seen):
        return _IN_TRANSACTION  # row_security is off: whatever hides rows is an error
    has = sorted({role for sight in seen for role in sight.has_roles})
    lacks = sorted({role for sight in seen for role in sight.lacks_roles})
    if not has and not lacks:
        return _IN_TRANSACTION
    roles = [f"pg_has_role({role}::oid, 'USAGE')" for role in has]
    roles += [f"NOT pg_has_role({role}::oid, 'USAGE')" for role in lacks]
    same = f"(CASE WHEN {' AND '.join(roles)} THEN 'true' ELSE '{ROLES}' END)::boolean"
    return f"{same} AND {_IN_TRANSACTION}"


def plan_of_all_rows(schema: str, reads: Iterable[Table]) -> bytes:
    """Has the server say how it would read every row of these tables, under a lock that keeps it so.

    A sample of all pages goes by no index, so that no condition is left out because an index implies it; a table of
    which nothing may be seen takes the others along.
    """
    tables = (sql.SQL("{} TABLESAMPLE SYSTEM (100)").format(sql.Identifier(schema, table.name)) for table in reads)
    return (
        sql.SQL("/* outbox-exporter: plan */ EXPLAIN (COSTS OFF) SELECT FROM {}")
        .format(sql.SQL(", ").join(tables))
        .as_bytes()
    )


def judge_plan(role: str, lines: Sequence[tuple[str]]) -> None:
    """Pass silently when the plan reads every row. Raises: Blind."""
    if any("Filter: " in line for (line,) in lines):
        raise Blind(f"row-level security began to hide rows from role {role} while the sample began; try again")
