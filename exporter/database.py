"""Sessions with the watched database, and what they guarantee.

At most one connection exists (psycopg-pool holds it). Every sample is one READ ONLY, REPEATABLE READ transaction whose
limits are set inside it, so nothing depends on session state and a transaction-mode pooler works. Before a collector
sees a row, the session has proved that it cannot write and that row security hides nothing (`exporter.visibility`).
The server ends what takes too long; where the server does not even answer, the client gives the socket up.

Only this module speaks psycopg's exceptions: everybody else sees `exporter.errors`.
"""

import select
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg import conninfo, errors, rows
from psycopg.abc import PQGen
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from exporter import queries, visibility
from exporter.config import DatabaseSettings
from exporter.errors import (
    Blind,
    Locked,
    PermissionDenied,
    SampleError,
    SchemaMismatch,
    TooSlow,
    Unreachable,
)

Row = TypeVar("Row")
Result = TypeVar("Result")

# How much longer than statement_timeout the client waits before it concludes that the server is not there.
GRACE = 1.0
# How often a waiting session looks at its deadline and at the wish to stop, seconds.
TICK = 0.1

_TRANSLATION: tuple[tuple[type[psycopg.Error], type[SampleError]], ...] = (
    (errors.LockNotAvailable, Locked),
    (errors.DeadlockDetected, Locked),
    # On a standby: our query stood in the way of the replay.
    (errors.SerializationFailure, Locked),
    (errors.QueryCanceled, TooSlow),
    (errors.TransactionTimeout, TooSlow),
    (errors.IdleInTransactionSessionTimeout, TooSlow),
    (errors.InsufficientPrivilege, PermissionDenied),
    (errors.UndefinedTable, SchemaMismatch),
    (errors.UndefinedColumn, SchemaMismatch),
    (errors.UndefinedFunction, SchemaMismatch),
    (errors.InvalidSchemaName, SchemaMismatch),
    (errors.WrongObjectType, SchemaMismatch),
    (errors.DatatypeMismatch, SchemaMismatch),
    (psycopg.OperationalError, Unreachable),
)


def translate(error: psycopg.Error, doing: str = "") -> SampleError:
    """What a psycopg error means for a sample: the member of our family, with a message of one line."""
    text = doing + " ".join((error.diag.message_primary or str(error)).split())
    if isinstance(error, errors.InsufficientPrivilege) and "row-level security" in text:
        return Blind(text)
    for theirs, ours in _TRANSLATION:
        if isinstance(error, theirs):
            return ours(text)
    return SampleError(f"{type(error).__name__}: {text}")


class _OutOfPatience(Exception):
    """The server did not answer in time, or the exporter is asked to stop."""


class _Patience:
    """How long the session in use may still wait: one deadline, one wish to stop."""

    def __init__(self) -> None:
        self.stopping = Event()
        self.until = float("inf")

    @contextmanager
    def lasting(self, seconds: float) -> Generator[None]:
        """Patience for so long."""
        self.until = time.monotonic() + seconds
        try:
            yield
        finally:
            self.until = float("inf")

    def check(self) -> None:
        """Raises: _OutOfPatience when it has run out."""
        if self.stopping.is_set():
            raise _OutOfPatience("the exporter is stopping")
        if time.monotonic() > self.until:
            raise _OutOfPatience("no answer from the server in time; the connection was given up")

    def limit(self, gen: PQGen[Result]) -> PQGen[Result]:
        """The same conversation with libpq, broken off at the deadline; psycopg wakes it every TICK."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                self.check()
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result


@dataclass(frozen=True, slots=True)
class _ConnectFailure:
    error: psycopg.Error
    at: float


class Session:
    """One sample's transaction, proved read-only.

    `now` is the transaction's start by the database's clock, Unix seconds: what `now()` is inside every statement.
    All statements together may take as long as one.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", settings: DatabaseSettings) -> None:
        self._connection = connection
        self.schema = settings.schema
        self._ends = time.monotonic() + settings.statement_timeout
        self._granted: float = settings.statement_timeout
        facts = self._begin(settings)
        self.now = facts.now
        self.role = facts.role
        self.rows = 0

    def fetch(self, name: str, row: type[Row], **parameters: object) -> list[Row]:
        """Run `sql/<name>.sql` and build one `row` (a dataclass with the columns as fields) per row.

        Raises: SampleError of the kind that the server's answer means.
        """
        self._grant_the_rest()
        with translated(f"{name}: "), self._connection.cursor(row_factory=rows.class_row(row)) as cursor:
            return cursor.execute(queries.statement(name, self.schema), parameters, prepare=False).fetchall()

    def fetch_one(self, name: str, row: type[Row], **parameters: object) -> Row:
        """The only row of a statement that always answers with one."""
        (only,) = self.fetch(name, row, **parameters)
        return only

    def note_rows(self, rows: int) -> None:
        """Note that the statements read so many rows, for a question that may be asked less often when there are many.

        `rows` adds up what was noted; a question that pages notes nothing.
        """
        self.rows += rows

    def plan(self, name: str) -> None:
        """Have the server check and plan `sql/<name>.sql` without running it. Raises: SampleError."""
        nothing = {parameter.name: None for parameter in queries.load(name).parameters}
        with translated(f"{name}: "):
            self._connection.execute(b"EXPLAIN " + queries.statement(name, self.schema), nothing, prepare=False)

    def prove_visibility(self, reads: tuple[visibility.Table, ...]) -> None:
        """Make sure that every row of these tables is visible to this role.

        Raises: SchemaMismatch, PermissionDenied, Blind; the message says what is missing.
        """
        seen = self.fetch("visibility", visibility.Sight, **visibility.question(self.schema, reads))
        visibility.judge(self.role, seen)
        if any(sight.row_security for sight in seen):
            # A proven policy lets us see everything, and row_security = off would refuse to apply it.
            with translated():
                self._connection.execute("SET LOCAL row_security = on", prepare=False)

    def _grant_the_rest(self) -> None:
        """Lower statement_timeout to what is left, once that is worth a round trip.

        So the server ends a sample of many slow statements, and says so, before the client takes it for dead.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TooSlow("the statements of this sample took longer than statement_timeout together")
        if left < self._granted - GRACE / 2:
            self._granted = left
            with translated():
                setting = "SELECT set_config('statement_timeout', %s, true)"
                self._connection.execute(setting, (_milliseconds(left),), prepare=False)

    def _begin(self, settings: DatabaseSettings) -> "_Facts":
        facts = self.fetch_one(
            "session",
            _Facts,
            statement_timeout=_milliseconds(settings.statement_timeout),
            lock_timeout=_milliseconds(settings.lock_timeout),
            transaction_timeout=_milliseconds(settings.statement_timeout + GRACE),
        )
        if not facts.read_only or facts.isolation != "repeatable read":
            raise SampleError("the server did not give a read-only, repeatable-read transaction; nothing was sampled")
        return facts


@dataclass(frozen=True, slots=True)
class _Facts:
    now: float
    read_only: bool
    isolation: str
    role: str


class Database:
    """The one door to the watched database.

    `open` connects to nothing; the first sample does. `close` breaks off a sample that is under way within a second.
    Use from one thread at a time.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._patience = _Patience()
        self._connect_failure: _ConnectFailure | None = None
        self._readable: set[tuple[visibility.Table, ...]] = set()
        self._pool = self._make_pool()

    @property
    def target(self) -> str:
        """Where this goes, for people: host, port and database, without secrets."""
        return target(self._settings.dsn.reveal())

    def open(self) -> None:
        """Start the pool's worker; no connection is made yet."""
        self._pool.open()

    def close(self) -> None:
        """Break off what is running and close the connection. Returns within about two seconds."""
        self._patience.stopping.set()
        self._pool.close(timeout=2)

    @contextmanager
    def sample(self, *reads: visibility.Table) -> Iterator[Session]:
        """One transaction that is proved harmless and, for the tables in `reads`, proved not blind.

        Waits for the server at most connect_timeout, then statement_timeout plus a second for the whole sample.
        Raises: SampleError; the connection is then rolled back, or given up when the server does not answer.
        """
        settings = self._settings
        with self._patience.lasting(settings.connect_timeout + GRACE):
            connection = self._borrow()
        try:
            with (
                self._patience.lasting(settings.statement_timeout + GRACE),
                translated(),
                connection.transaction(),
            ):
                session = Session(connection, settings)
                if reads:
                    self._prove_visibility(session, reads)
                yield session
        except BaseException:
            # Whatever it was, the next sample looks at everything again, and names what is missing.
            self._readable.discard(reads)
            raise
        finally:
            self._pool.putconn(connection)

    def _prove_visibility(self, session: Session, reads: tuple[visibility.Table, ...]) -> None:
        """Rows are proved visible in every sample. Columns once: the server refuses by itself what may not be read."""
        if reads in self._readable:
            session.prove_visibility(tuple(visibility.Table(table.name, ()) for table in reads))
        else:
            session.prove_visibility(reads)
            self._readable.add(reads)

    def _borrow(self) -> "psycopg.Connection[Any]":
        """The connection; psycopg-pool makes it in a thread of its own and would keep the reason of a failure."""
        started = time.monotonic()
        while True:
            try:
                return self._pool.getconn(timeout=TICK / 2)
            except TooManyRequests:
                # Our last wait ended in vain and is still in the queue: make the pool connect all the same.
                self._pool.check()
                self._patience.stopping.wait(TICK / 2)
            except PoolTimeout:
                pass
            except psycopg.Error as error:
                raise translate(error) from error
            self._keep_waiting_since(started)

    def _keep_waiting_since(self, started: float) -> None:
        """Raises: Unreachable when there is no hope for a connection any more."""
        failure = self._connect_failure
        # A failure of a moment ago stands for all collectors of this round: one knock at the door is enough.
        if failure and failure.at > started - self._settings.connect_timeout:
            raise translate(failure.error) from failure.error
        if time.monotonic() > started + self._settings.connect_timeout + GRACE:
            raise Unreachable(f"no connection to {self.target} in time")
        if self._patience.stopping.is_set():
            raise Unreachable("the exporter is stopping")

    def _make_pool(self) -> "ConnectionPool[psycopg.Connection[Any]]":
        settings = self._settings
        return ConnectionPool(
            settings.dsn.reveal(),
            connection_class=self._connection_class(),
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "fallback_application_name": "outbox-exporter",
                "connect_timeout": max(1, round(settings.connect_timeout)),
            },
            configure=_configure,
            check=_check_alive,
            min_size=0,
            max_size=1,
            # The pool keeps waits that timed out until a connection comes: an outage must not fill its queue.
            max_waiting=1,
            num_workers=1,
            # No background retries: the next sample is the retry.
            reconnect_timeout=0,
            name="outbox-exporter",
            open=False,
        )

    def _connection_class(self) -> "type[psycopg.Connection[Any]]":
        database, patience = self, self._patience

        class PatientConnection(psycopg.Connection[Any]):
            """Waits no longer than its sample may, and tells why connecting failed."""

            @classmethod
            def connect(cls, conninfo: str = "", **parameters: Any) -> "PatientConnection":
                try:
                    connection = super().connect(conninfo, **parameters)
                except psycopg.Error as error:
                    # Its traceback would keep the abandoned attempt's socket open.
                    database._connect_failure = _ConnectFailure(error.with_traceback(None), time.monotonic())
                    raise
                database._connect_failure = None
                return connection

            def wait(self, gen: PQGen[Result], interval: float = TICK, timeout: float | None = None) -> Result:
                try:
                    return super().wait(patience.limit(gen), interval, timeout)
                except _OutOfPatience as error:
                    self._give_up(error)

            def _give_up(self, error: _OutOfPatience) -> NoReturn:
                # So that the statement does not run on; a server that is gone cannot be asked.
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=1)
                self.pgconn.finish()
                raise Unreachable(str(error)) from error

        return PatientConnection


@contextmanager
def translated(doing: str = "") -> Generator[None]:
    """Turn psycopg's exceptions into ours, chained; `doing` says what was going on."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, doing) from error


def _configure(connection: "psycopg.Connection[Any]") -> None:
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def _check_alive(connection: "psycopg.Connection[Any]") -> None:
    """Notice that the server has hung up since the last sample. Raises: OperationalError.

    Costs no round trip as a rule: an idle server has nothing to say, unless it says goodbye.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def dsn_problem(dsn: str) -> str | None:
    """What is wrong with a connection string, or None. The answer never repeats any part of it."""
    try:
        conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "not a connection string that libpq understands (postgresql://user@host:port/name or key=value pairs)"
    return None


def passwords(dsn: str) -> tuple[str, ...]:
    """What must never be printed of a connection string."""
    parts = conninfo.conninfo_to_dict(dsn)
    return tuple(str(parts[key]) for key in ("password", "sslpassword") if parts.get(key))


def target(dsn: str) -> str:
    """Host, port and database of a connection string, as libpq would complete it from its own variables."""
    parts = {d.keyword.decode(): (d.val or b"").decode() for d in psycopg.pq.Conninfo.get_defaults()}
    parts.update({key: str(value) for key, value in conninfo.conninfo_to_dict(dsn).items()})
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or ''}"
