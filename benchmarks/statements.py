"""The cost of a role in the database, from pg_stat_statements and the server's log."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

_COMMENT: Final = re.compile(r"/\*\s*(?P<text>.*?)\s*\*/")
_LONGEST: Final = 90
_COSTS: Final = """
    SELECT query, calls, rows, shared_blks_hit + shared_blks_read + local_blks_hit + local_blks_read
        + temp_blks_read AS buffers, total_exec_time + total_plan_time AS milliseconds, max_exec_time
    FROM pg_stat_statements AS statement JOIN pg_roles AS role ON role.oid = statement.userid
    WHERE role.rolname = %s AND statement.toplevel
"""


@dataclass(frozen=True, slots=True)
class StatementCost:
    """One statement, or a total: calls, rows returned, 8 kB buffers accessed, seconds in the database."""

    query: str
    calls: int
    rows: int
    buffers: int
    seconds: float
    longest: float


def reset(connection: psycopg.Connection) -> None:
    """Resets the statistics of all roles."""
    connection.execute("SELECT pg_stat_statements_reset()")


def costs(connection: psycopg.Connection, role: str) -> list[StatementCost]:
    """All statements of a role since `reset`, the one with most buffers first."""
    found = [
        StatementCost(short_form(query), calls, rows, buffers, milliseconds / 1000, longest / 1000)
        for query, calls, rows, buffers, milliseconds, longest in connection.execute(_COSTS, (role,))
    ]
    return sorted(found, key=lambda cost: cost.buffers, reverse=True)


def total(costs: Iterable[StatementCost]) -> StatementCost:
    """The sums, and the longest of all statements."""
    several = tuple(costs)
    return StatementCost(
        "total",
        sum(cost.calls for cost in several),
        sum(cost.rows for cost in several),
        sum(cost.buffers for cost in several),
        sum(cost.seconds for cost in several),
        max((cost.longest for cost in several), default=0.0),
    )


def short_form(query: str) -> str:
    """A statement in one line: its comment if it begins with one, otherwise its first 90 characters."""
    if (match := _COMMENT.match(query)) is not None:
        return match["text"]
    line = " ".join(query.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def connections(log: Path, role: str, offset: int) -> int:
    """The connections of a role in the server's log from byte `offset`."""
    with log.open("rb") as file:
        file.seek(offset)
        marker = f"connection authorized: user={role} ".encode()
        return sum(marker in line for line in file)


def errors(log: Path, role: str, offset: int) -> int:
    """The failed statements of a role in the server's log from byte `offset`.

    pg_stat_statements does not count them, nor the cost of cancelled statements.
    """
    marker = f" {role}@".encode()
    with log.open("rb") as file:
        file.seek(offset)
        return sum(marker in line and b" ERROR: " in line for line in file)
