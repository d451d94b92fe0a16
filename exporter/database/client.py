"""The client of the watched database: one connection, held by psycopg-pool, and one transaction per sample."""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.abc import PQGen
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from exporter.config.settings import DatabaseSettings
from exporter.core import logs, secret_command
from exporter.core.errors import SampleError, SecretUnavailable, Unreachable
from exporter.core.types import Seconds
from exporter.database import visibility
from exporter.database.deadline import CLIENT_GRACE, POLL_INTERVAL, Deadline, DeadlineExceeded
from exporter.database.dsn import passwords, target
from exporter.database.error_mapping import map_error, mapped_errors
from exporter.database.replay import ReplayTracker
from exporter.database.round_trip import RoundTripTimer
from exporter.database.session import Expected, Session
from exporter.metrics.readings import DatabaseServer
from exporter.outbox.mapping import DEFAULT, OutboxMapping

Result = TypeVar("Result")
Connection = psycopg.Connection[Any]


class DatabaseClient:
    """Samples the watched database over at most one connection.

    `open` connects to nothing; the first sample does. `close` ends a sample under way within POLL_INTERVAL, or a second
    where the server does not answer. Use from one thread at a time; `close` from any.
    """

    def __init__(self, settings: DatabaseSettings, mapping: OutboxMapping = DEFAULT) -> None:
        self.mapping = mapping
        self._settings = replace(settings, schema=mapping.schema) if mapping.schema else settings
        self._deadline = Deadline()
        self._round_trip = RoundTripTimer()
        self._tracker = ReplayTracker()
        # The latest failure to connect and its time, seconds of the monotonic clock; None after a success.
        self._failure: tuple[psycopg.Error | SecretUnavailable, float] | None = None
        secrets = (settings.dsn, settings.password) if settings.password else (settings.dsn,)
        # How long a sample may wait for a connection, seconds.
        self._time_limit = settings.connect_timeout + CLIENT_GRACE + sum(each.time_limit for each in secrets)
        # The tables to which row security applied in the latest sample of the same ones.
        self._filtered: set[tuple[visibility.Table, ...]] = set()
        self._pool = self._make_pool()

    @property
    def target(self) -> str:
        """The connection target for people: host, port and database, without secrets."""
        return target(self._settings.dsn.latest)

    @property
    def network_time(self) -> float:
        """Seconds of the latest sample that were network round trips, and no work of the server."""
        return self._round_trip.network_time

    @property
    def server(self) -> DatabaseServer | None:
        """The server that answered the latest sample; None where none did."""
        return self._tracker.server

    def open(self) -> None:
        """Start the pool's worker; no connection is made yet."""
        self._pool.open()

    def close(self) -> None:
        """End what is running and close the connection. Returns within about two seconds."""
        self._deadline.stopping.set()
        secret_command.abort_running()
        self._pool.close(timeout=2)

    @contextmanager
    def sample(
        self,
        *reads: visibility.Table,
        bitmap_scans: bool = False,
        primary_only: bool = False,
        statement_timeout: float | None = None,
    ) -> Iterator[Session]:
        """One read-only transaction, in which all rows of the tables in `reads` are proved to be visible.

        `bitmap_scans` has the planner prefer these from the beginning. `primary_only` refuses a standby, however fresh
        it is: it proves nothing about the primary. `statement_timeout`, seconds, shortens the configured limit.

        Waits for the server at most connect_timeout, and for commands that print its secrets; then statement_timeout
        plus a second for the whole sample.
        Raises: SampleError; the connection is then rolled back, or closed when the server does not answer.
        """
        settings = _limited(self._settings, statement_timeout)
        self._round_trip.begin()
        self._tracker.begin()
        with self._deadline.within(self._time_limit):
            connection = self._acquire()
        try:
            with (
                self._deadline.within(settings.statement_timeout + CLIENT_GRACE),
                mapped_errors(),
                _transaction_end(connection),
            ):
                expected = Expected(reads in self._filtered, bitmap_scans)
                session = Session(connection, settings, reads, self._tracker, expected, self.mapping)
                if primary_only:
                    self._tracker.refuse_standby()
                (self._filtered.add if session.is_filtered else self._filtered.discard)(reads)
                yield session
        except BaseException:
            # The next sample asks what is missing before the server refuses a statement without saying so.
            self._filtered.discard(reads)
            raise
        finally:
            self._pool.putconn(connection)

    def _acquire(self) -> Connection:
        """The connection. psycopg-pool makes it in a thread of its own, and does not tell why that failed.

        Gives up after `_time_limit` seconds. Raises: SampleError of the kind that the failure means.
        """
        started = time.monotonic()
        while True:
            try:
                return self._pool.getconn(timeout=POLL_INTERVAL / 2)
            except TooManyRequests:
                # Our last wait ended in vain and is still in the queue: make the pool connect all the same.
                self._pool.check()
                self._deadline.stopping.wait(POLL_INTERVAL / 2)
            except PoolTimeout:
                pass
            except psycopg.Error as error:
                raise map_error(error) from error
            self._check_wait(started)

    def _check_wait(self, started: float) -> None:
        """Raises: SampleError when waiting longer for a connection is of no use."""
        error, failed_at = self._failure or (None, 0.0)
        # A recent failure stands for all collectors that are due together: one attempt to connect is enough.
        if error and failed_at > started - self._settings.connect_timeout:
            raise _as_sample_error(error) from error
        if time.monotonic() > started + self._time_limit:
            raise Unreachable(f"no connection to {self.target} in time")
        if self._deadline.stopping.is_set():
            raise Unreachable("the exporter is stopping")

    def _conninfo(self) -> str:
        """The connection string with the secrets of now. Raises: SecretUnavailable."""
        settings = self._settings
        dsn = settings.dsn.reveal()
        logs.hide_renewed(*passwords(dsn))
        return conninfo.make_conninfo(dsn, password=settings.password.reveal() if settings.password else None)

    def _make_pool(self) -> ConnectionPool[Connection]:
        settings = self._settings
        return ConnectionPool(
            connection_class=self._connection_class(),
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "fallback_application_name": "outbox-exporter",
                # Until sql/defaults.sql sets the database's own encoding.
                "client_encoding": "UTF8",
                "connect_timeout": max(1, round(settings.connect_timeout)),
            },
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

    def _connection_class(self) -> type[Connection]:
        client = self

        class DeadlineConnection(psycopg.Connection[Any]):
            """Waits no longer than its sample may, and keeps the reason of a failure to connect.

            Secrets may have changed since the last connection, so the pool has no connection string of its own.
            """

            @classmethod
            def connect(cls, conninfo: str = "", **parameters: Any) -> "DeadlineConnection":
                try:
                    connection = super().connect(conninfo or client._conninfo(), **parameters)
                except (psycopg.Error, SecretUnavailable) as error:
                    # Its traceback would keep the socket of the failed attempt open.
                    client._failure = error.with_traceback(None), time.monotonic()
                    raise
                client._failure = None
                client._round_trip.connected()
                return connection

            def wait(self, gen: PQGen[Result], interval: float = POLL_INTERVAL, timeout: float | None = None) -> Result:
                started = time.monotonic()
                try:
                    return super().wait(client._deadline.limit(gen), interval, timeout)
                except DeadlineExceeded as error:
                    self._abandon(error)
                finally:
                    client._round_trip.note(time.monotonic() - started)

            def _abandon(self, error: DeadlineExceeded) -> NoReturn:
                # So that the statement does not run on; a server that is gone cannot be asked.
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=1)
                self.pgconn.finish()
                raise Unreachable(str(error)) from error

        return DeadlineConnection


def _limited(settings: DatabaseSettings, statement_timeout: float | None) -> DatabaseSettings:
    """The settings with shorter limits; a wait for a lock takes a tenth of a statement's time, as by default."""
    if statement_timeout is None or statement_timeout >= settings.statement_timeout:
        return settings
    lock_timeout = min(settings.lock_timeout, statement_timeout / 10)
    return replace(settings, statement_timeout=Seconds(statement_timeout), lock_timeout=Seconds(lock_timeout))


def _as_sample_error(error: psycopg.Error | SecretUnavailable) -> SampleError:
    """A new one each time: several collectors fail with the same cause."""
    return map_error(error) if isinstance(error, psycopg.Error) else SecretUnavailable(*error.args)


@contextmanager
def _transaction_end(connection: Connection) -> Iterator[None]:
    """Commit what was begun inside, or roll it back after an error. Raises: psycopg.Error."""
    try:
        yield
    except BaseException:
        # The first error says more than a failed rollback.
        with suppress(psycopg.Error, SampleError):
            connection.rollback()
        raise
    connection.commit()


def _check_alive(connection: Connection) -> None:
    """Notice that the server has closed the connection since the last sample. Raises: OperationalError.

    Costs no round trip as a rule: an idle server sends nothing but the end of the connection.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)
