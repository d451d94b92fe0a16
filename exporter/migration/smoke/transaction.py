"""A transaction that is always rolled back: the one place where this program writes, and it cannot commit.

The first thing that it does is to violate a deferred constraint of a temporary table of its own. From then on COMMIT
itself fails, whoever may send it: a pooler, a proxy, a mistake in here. Where every statement is committed by itself,
the temporary table is gone before the second statement, which then fails: nothing has been written yet.

A killed client or backend, or a broken connection, ends in a rollback by the server.
"""

import secrets
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.types.json import Jsonb

from exporter.core.errors import SampleError, Stale, Unreachable
from exporter.database import CLIENT_GRACE, mapped_errors, queries, text
from exporter.database.deadline import POLL_INTERVAL, Deadline, DeadlineExceeded
from exporter.database.replay import CONNECT_TO_PRIMARY
from exporter.migration import expected

Row = TypeVar("Row")
Result = TypeVar("Result")

# The limits of the whole rehearsal, seconds: it may hold locks of its own for that long. Waiting for a lock of others
# is given up before anybody queues up behind.
STATEMENT_TIMEOUT = 5.0
LOCK_TIMEOUT = 0.5
IDLE_TIMEOUT = 5.0
TRANSACTION_TIMEOUT = 30.0

_CONNECTION = {
    "connect_timeout": 5,
    "fallback_application_name": "outbox-exporter smoke",
    "client_encoding": "UTF8",
    # A server that vanishes without a word is given up, milliseconds (tcp(7)).
    "tcp_user_timeout": 10_000,
    "prepare_threshold": None,
}


class _DeadlineConnection(psycopg.Connection[Any]):
    """Waits for an answer no longer than the server may take, so that a silent network cannot hold us."""

    def wait(self, gen: PQGen[Result], interval: float = POLL_INTERVAL, timeout: float | None = None) -> Result:
        deadline = Deadline()
        with deadline.within(STATEMENT_TIMEOUT + CLIENT_GRACE):
            try:
                return super().wait(deadline.limit(gen), interval, timeout)
            except DeadlineExceeded as error:
                self.pgconn.finish()
                raise psycopg.OperationalError(str(error)) from error


class CannotRollBack(SampleError):
    """Statements here do not share one transaction, so nothing may be written."""


@dataclass(frozen=True, slots=True)
class TransactionState:
    """The row of sql/migration/smoke_limits.sql."""

    read_only: bool
    in_recovery: bool
    role: str


class RolledBackTransaction:
    """One transaction against one database. A context manager: leaving it rolls back and hangs up."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self.schema = schema
        self._connection: psycopg.Connection[Any] | None = None
        self.role = ""
        self._encoding = "utf-8"

    def __enter__(self) -> Self:
        """Connect, begin, and make the transaction uncommittable.

        Raises: SampleError; CannotRollBack where transactions do not hold.
        """
        with mapped_errors():
            self._connection = _DeadlineConnection.connect(self._dsn, **_CONNECTION)  # type: ignore[arg-type]  # libpq's options
        try:
            self._begin()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def roll_back(self) -> None:
        """End this transaction and begin a new one, to see what is left of it. Raises: SampleError."""
        with mapped_errors():
            self._open.rollback()
        self._limit()

    def fetch(self, name: str, row: type[Row], **parameters: object) -> list[Row]:
        """Run `sql/migration/<name>.sql`. Raises: SampleError; the transaction is then of no use outside `attempt`."""
        columns = [column.name for column in queries.load(name).columns]
        with mapped_errors(session_encoding=self._encoding), self._open.cursor() as cursor:
            found = text.rows(cursor.execute(self._compose(name), _adapted(parameters)))
            return [row(**dict(zip(columns, values, strict=True))) for values in found]

    def fetch_one(self, name: str, row: type[Row], **parameters: object) -> Row:
        """The only row of a statement that always answers with one."""
        (only,) = self.fetch(name, row, **parameters)
        return only

    def seen(self, name: str, table: tuple[str, str] | None = None, **parameters: object) -> int:
        """The single number of a statement; `table` takes the place `{table}` in it. Raises: SampleError."""
        statement = self._compose(name, table or (self.schema, "job_outbox"))
        with mapped_errors(session_encoding=self._encoding):
            row = self._open.execute(statement, _adapted(parameters)).fetchone()
        return int(row[0]) if row else 0

    def execute(self, name: str) -> None:
        """Run a file of statements without parameters and answers. Raises: SampleError."""
        with mapped_errors(session_encoding=self._encoding):
            self._open.execute(self._compose(name))

    def insert(self, schema: str, table: str, values: Mapping[str, object]) -> None:
        """One row, unless it is there already. Raises: SampleError."""
        statement = sql.SQL(
            "/* outbox-exporter: smoke */ "
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({}) ON CONFLICT DO NOTHING"
        ).format(
            sql.Identifier(schema, table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        with mapped_errors(session_encoding=self._encoding):
            self._open.execute(self._written(statement), list(values.values()))

    @contextmanager
    def savepoint(self, *, keep: bool = True) -> Iterator[None]:
        """Something that may fail without spoiling the transaction; with `keep` false it is undone in any case."""
        with mapped_errors(session_encoding=self._encoding), self._open.transaction(force_rollback=not keep):
            yield

    @property
    def _open(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            raise Unreachable("the connection is gone; the server rolls back what was begun")
        return self._connection

    def _begin(self) -> None:
        begun = self._limit()
        if begun.in_recovery:
            raise Stale(f"a standby answers: nothing can be tried here; {CONNECT_TO_PRIMARY}")
        if begun.read_only:
            raise SampleError("this session is read-only (a role made for reading?): nothing can be tried here")
        self.role = begun.role
        token = secrets.token_hex(8)
        with _refused_unless_one_transaction():
            self._open.execute("SELECT set_config('outbox_exporter.rehearsal', %s, true)", (token,))
            self.execute("migration/smoke_uncommittable")
            self.execute("migration/smoke_poison")
            found = text.rows(self._open.execute("SELECT current_setting('outbox_exporter.rehearsal', true)"))
        in_transaction = self._open.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        if found != [(token,)] or not in_transaction:
            raise CannotRollBack(_NO_TRANSACTION)

    def _limit(self) -> TransactionState:
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

    def _compose(self, name: str, table: tuple[str, str] | None = None) -> bytes:
        known = (*expected.TABLE_NAMES, "courses")
        places = {each: sql.Identifier(self.schema, each) for each in known}
        places["rpc"] = sql.Identifier(self.schema, expected.RPC.name)
        places["table"] = sql.Identifier(*(table or (self.schema, "job_outbox")))
        # The text comes from this package's own files and from nowhere else.
        return self._written(sql.SQL(queries.load(name).text).format(**places))

    def _written(self, statement: sql.Composed) -> bytes:
        return statement.as_string().encode(self._encoding, "replace")

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.rollback()
            self._connection.close()


_NO_TRANSACTION = (
    "statements do not share one transaction here (a pooler that commits each by itself?): nothing was written; "
    "connect to the database directly"
)


@contextmanager
def _refused_unless_one_transaction() -> Generator[None]:
    """Whatever goes wrong here goes wrong before anything is written."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise _lacks_temp(str(error)) from error
    except psycopg.Error as error:
        raise CannotRollBack(_NO_TRANSACTION) from error
    except SampleError as error:
        lost = isinstance(error.__cause__, psycopg.errors.UndefinedTable | psycopg.errors.FeatureNotSupported)
        if lost:
            raise CannotRollBack(_NO_TRANSACTION) from error
        if isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            raise _lacks_temp(str(error)) from error
        raise


def _lacks_temp(text: str) -> SampleError:
    return SampleError(f"{text}; a temporary table is what makes COMMIT impossible: GRANT TEMPORARY ON DATABASE ...")


def _adapted(parameters: Mapping[str, object]) -> dict[str, object]:
    return {
        name: Jsonb(value) if isinstance(value, dict | list) and name == "jobs" else value
        for name, value in parameters.items()
    }


def new_id() -> uuid.UUID:
    """An identifier that nobody has."""
    return uuid.uuid4()
