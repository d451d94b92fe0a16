"""Samples of the watched database, and their guarantees.

At most one connection exists (psycopg-pool holds it). Every sample is one READ ONLY, REPEATABLE READ transaction whose
limits are set inside it, so nothing depends on session state and a transaction-mode pooler works. Before a collector
reads a row, the session has proved that it cannot write and that row security hides nothing
(`exporter.database.visibility`). The server cancels statements that take too long; where it does not answer at all, the
client closes the connection.

psycopg's exceptions do not leave this package: callers see `exporter.core.errors`.
"""

from exporter.database.client import DatabaseClient
from exporter.database.deadline import CLIENT_GRACE
from exporter.database.dsn import dsn_problem, passwords, target, variables_problem
from exporter.database.error_mapping import mapped_errors
from exporter.database.session import Session

__all__ = [
    "CLIENT_GRACE",
    "DatabaseClient",
    "Session",
    "dsn_problem",
    "mapped_errors",
    "passwords",
    "target",
    "variables_problem",
]
