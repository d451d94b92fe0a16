"""What a role has cost the database, by pg_stat_statements and the server's log."""

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
class Cost:
    """One statement, or several: calls, rows returned, 8 kB buffers touched, time in the database."""

    query: str
    calls: int
    rows: int
    buffers: int
    seconds: float
    longest: float


def reset(connection: psycopg.Connection) -> None:
    """Begins to count anew, for everybody."""
    connection.execute("SELECT pg_stat_statements_reset()")


def costs(connection: psycopg.Connection, role: str) -> list[Cost]:
    """Every statement of a role since `reset`, the one with most buffers first."""
    found = [
        Cost(brief(query), calls, rows, buffers, milliseconds / 1000, longest / 1000)
        for query, calls, rows, buffers, milliseconds, longest in connection.execute(_COSTS, (role,))
    ]
    return sorted(found, key=lambda cost: cost.buffers, reverse=True)


def total(costs: Iterable[Cost]) -> Cost:
    """All of them together; the longest is the longest of any."""
    several = tuple(costs)
    return Cost(
        "total",
        sum(cost.calls for cost in several),
        sum(cost.rows for cost in several),
        sum(cost.buffers for cost in several),
        sum(cost.seconds for cost in several),
        max((cost.longest for cost in several), default=0.0),
    )


def brief(query: str) -> str:
    """A statement in a line: its comment if it begins with one, else its first words."""
    if (match := _COMMENT.match(query)) is not None:
        return match["text"]
    line = " ".join(query.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def connections(log: Path, role: str, offset: int) -> int:
    """How often a role has connected, by the server's log from byte `offset` on."""
    with log.open("rb") as file:
        file.seek(offset)
        marker = f"connection authorized: user={role} ".encode()
        return sum(marker in line for line in file)


def errors(log: Path, role: str, offset: int) -> int:
    """How many statements of a role failed, by the server's log from byte `offset` on.

    pg_stat_statements knows nothing of these: what a cancelled statement cost is in none of its figures.
    """
    marker = f" {role}@".encode()
    with log.open("rb") as file:
        file.seek(offset)
        return sum(marker in line and b" ERROR: " in line for line in file)


def backends(connection: psycopg.Connection, role: str) -> int:
    """How many sessions a role has now."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND backend_type = 'client backend'", (role,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def transactions(connection: psycopg.Connection, database: str) -> int:
    """Transactions in a database since it was made, whoever's."""
    row = connection.execute(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", (database,)
    ).fetchone()
    return 0 if row is None else int(row[0])
