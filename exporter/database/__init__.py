"""Sessions with the watched database, and what they guarantee.

At most one connection exists (psycopg-pool holds it). Every sample is one READ ONLY, REPEATABLE READ transaction whose
limits are set inside it, so nothing depends on session state and a transaction-mode pooler works. Before a collector
sees a row, the session has proved that it cannot write and that row security hides nothing (`exporter.visibility`).
The server ends what takes too long; where the server does not even answer, the client gives the socket up.

Only this package speaks psycopg's exceptions: everybody else sees `exporter.errors`.
"""

from exporter.database.door import Database
from exporter.database.dsn import dsn_problem, passwords, target, variables_problem
from exporter.database.patience import GRACE
from exporter.database.session import NOTHING_AHEAD, Ahead, Session
from exporter.database.translation import translated

__all__ = [
    "GRACE",
    "NOTHING_AHEAD",
    "Ahead",
    "Database",
    "Session",
    "dsn_problem",
    "passwords",
    "target",
    "translated",
    "variables_problem",
]
