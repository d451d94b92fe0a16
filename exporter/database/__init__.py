"""Sessions with the watched database, and what they guarantee.

At most one connection exists (psycopg-pool holds it). Every sample is one READ ONLY, REPEATABLE READ transaction whose
limits are set inside it, so nothing depends on session state and a transaction-mode pooler works. Before a collector
sees a row, the session has proved that it cannot write and that row security hides nothing
(`exporter.database.visibility`). The server ends what takes too long; where it does not even answer, the client gives
the socket up.

Only this package speaks psycopg's exceptions: everybody else sees `exporter.core.errors`.
"""

from exporter.database.client import Database
from exporter.database.deadline import CLIENT_GRACE
from exporter.database.dsn import dsn_problem, passwords, target, variables_problem
from exporter.database.error_mapping import mapped_errors
from exporter.database.session import NO_PREFETCH, Prefetch, Session

__all__ = [
    "CLIENT_GRACE",
    "NO_PREFETCH",
    "Database",
    "Prefetch",
    "Session",
    "dsn_problem",
    "mapped_errors",
    "passwords",
    "target",
    "variables_problem",
]
