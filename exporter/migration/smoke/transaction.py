"""A transaction that is always rolled back: the only place where this program writes to a database.

Its first statements violate a deferred constraint of a temporary table. From then on COMMIT fails, whoever sends it: a
pooler, a proxy, or a defect of this module. Where each statement is committed by itself, the temporary table no longer
exists when the second statement runs, which then fails before anything is written.

If the client or the server process is killed, or the connection breaks, the server rolls back.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import PQGen

from exporter.core.errors import SampleError, Stale, Unreachable
from exporter.database import CLIENT_GRACE, mapped_errors, queries, text
from exporter.database.deadline import POLL_INTERVAL, Deadline, DeadlineExceeded
from exporter.database.replay import CONNECT_TO_PRIMARY
from exporter.migration import expected

Row = TypeVar("Row")
Result = TypeVar("Result")

# Limits of the whole transaction, seconds: it may hold its own locks for that long. It gives up waiting for a lock
# before other sessions queue behind it.
STATEMENT_TIMEOUT = 5.0
LOCK_TIMEOUT = 0.5
IDLE_TIMEOUT = 5.0
TRANSACTION_TIMEOUT = 30.0

_CONNECTION = {
    "connect_timeout": 5,
    "fallback_application_name": "outbox-exporter smoke",
    "client_encoding": "UTF8",
    # A server that stops answering is given up after so many milliseconds (tcp(7)).
    "tcp_user_timeout": 10_000,
    "prepare_threshold": None,
}
_NO_TRANSACTION = (
    "statements do not share one transaction here (a pooler that commits each by itself?): nothing was written; "
    "connect to the database directly"
)


class _DeadlineConnection(psycopg.Connection[Any]):
    """Waits for each answer only as long as the server may take: a network may deliver nothing and report nothing."""

    def wait(self, gen: PQGen[Result], interval: float = POLL_INTERVAL, timeout: float | None = None) -> Result:
        deadline = Deadline()
        with deadline.within(STATEMENT_TIMEOUT + CLIENT_GRACE):
            try:
                return super().wait(deadline.limit(gen), interval, timeout)
            except DeadlineExceeded as error:
                self.pgconn.finish()
                raise psycopg.OperationalError(str(error)) from error


@dataclass(frozen=True, slots=True)
class TransactionState:
    """The row of sql/migration/smoke_limits.sql."""

    read_only: bool
    in_recovery: bool
    role: str


class RolledBackTransaction:
    """One transaction against one database. A context manager: leaving it rolls back and closes the connection.

    Its methods raise SampleError; after that the transaction is usable only if a `savepoint` was around the call.
    """

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self.schema = schema
        self._connection: psycopg.Connection[Any] | None = None
        self.role = ""
        self._encoding = "utf-8"

    def __enter__(self) -> Self:
        """Connect within 5 seconds, begin, and make COMMIT impossible.

        Raises: SampleError, also where statements do not share one transaction.
        """
        with mapped_errors():
            self._connection = _DeadlineConnection.connect(self._dsn, **_CONNECTION)  # type: ignore[arg-type]  # libpq's options
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.rollback()
            self._connection.close()

    def roll_back(self) -> None:
        """Roll back and begin a new transaction, to check that nothing is left. Raises: SampleError."""
        with mapped_errors():
            self._open.rollback()
        self._set_limits()

    def fetch(self, name: str, row: type[Row], **parameters: object) -> list[Row]:
        """Run `sql/<name>.sql`: one `row`, a dataclass of its columns, per row. Raises: SampleError."""
        return [row(*values) for values in self._run(name, parameters)]

    def fetch_one(self, name: str, row: type[Row], **parameters: object) -> Row:
        """The row of a statement that always returns exactly one. Raises: SampleError."""
        (only,) = self.fetch(name, row, **parameters)
        return only

    def fetch_number(self, name: str, table: str = "job_outbox", **parameters: object) -> int:
        """The number that a statement returns; `table` replaces `{table}` in it. Raises: SampleError."""
        ((number,),) = self._run(name, parameters, table)
        return int(number)

    def execute(self, name: str, **parameters: object) -> None:
        """Run a file and ignore what it returns; without parameters it may hold several statements.

        Raises: SampleError.
        """
        self._run(name, parameters)

    def insert(self, schema: str, table: str, values: Mapping[str, object]) -> None:
        """Insert one row, unless it exists. Raises: SampleError."""
        statement = sql.SQL(
            "/* outbox-exporter: smoke */ "
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({}) ON CONFLICT DO NOTHING"
        ).format(
            sql.Identifier(schema, table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        with mapped_errors(session_encoding=self._encoding):
            self._open.execute(self._encoded(statement), list(values.values()))

    @contextmanager
    def savepoint(self, *, keep: bool = True) -> Iterator[None]:
        """A failure inside is undone and leaves the transaction usable; without `keep` a success is undone, too."""
        with mapped_errors(session_encoding=self._encoding), self._open.transaction(force_rollback=not keep):
            yield

    @property
    def _open(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            raise Unreachable("the connection is gone; the server rolls back what was begun")
        return self._connection

    def _begin(self) -> None:
        state = self._set_limits()
        if state.in_recovery:
            raise Stale(f"a standby answers: nothing can be tried here; {CONNECT_TO_PRIMARY}")
        if state.read_only:
            raise SampleError("this session is read-only (a role made for reading?): nothing can be tried here")
        self.role = state.role
        token = secrets.token_hex(8)
        try:
            with mapped_errors():
                self._open.execute("SELECT set_config('outbox_exporter.smoke', %s, true)", (token,))
                self.execute("migration/smoke_uncommittable")
                self.execute("migration/smoke_violate_constraint")
                found = text.rows(self._open.execute("SELECT current_setting('outbox_exporter.smoke', true)"))
        except SampleError as error:
            if isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
                remedy = "a temporary table is what makes COMMIT impossible: GRANT TEMPORARY ON DATABASE ..."
                raise SampleError(f"{error}; {remedy}") from error
            if isinstance(error.__cause__, psycopg.errors.UndefinedTable | psycopg.errors.FeatureNotSupported):
                raise SampleError(_NO_TRANSACTION) from error
            raise
        in_transaction = self._open.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        if found != [(token,)] or not in_transaction:
            raise SampleError(_NO_TRANSACTION)

    def _set_limits(self) -> TransactionState:
        self.execute("defaults")
        self._encoding = text.encoding(self._open)
        return self.fetch_one(
            "migration/smoke_limits",
            TransactionState,
            statement_timeout=f"{STATEMENT_TIMEOUT:.0f}s",
            lock_timeout=f"{LOCK_TIMEOUT * 1000:.0f}ms",
            idle_timeout=f"{IDLE_TIMEOUT:.0f}s",
            transaction_timeout=f"{TRANSACTION_TIMEOUT:.0f}s",
        )

    def _run(self, name: str, parameters: Mapping[str, object], table: str = "job_outbox") -> list[tuple[Any, ...]]:
        places = {each: sql.Identifier(self.schema, each) for each in (*expected.TABLE_NAMES, "courses")}
        places["rpc"] = sql.Identifier(self.schema, expected.RPC.name)
        # The text comes from a file of this package, never from outside.
        statement = sql.SQL(queries.load(name).text).format(**places, table=places[table])
        with mapped_errors(session_encoding=self._encoding), self._open.cursor() as cursor:
            cursor.execute(self._encoded(statement), parameters or None)
            return text.rows(cursor) if cursor.description else []

    def _encoded(self, statement: sql.Composed) -> bytes:
        return statement.as_string().encode(self._encoding, "replace")
