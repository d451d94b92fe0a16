"""The one connection: how it is made, checked, waited for and given up. psycopg-pool holds it."""

import select
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from exporter.config.settings import DatabaseSettings
from exporter.core.errors import Unreachable
from exporter.database.deadline import CLIENT_GRACE, POLL_INTERVAL, Deadline, DeadlineExceeded
from exporter.database.dsn import target
from exporter.database.error_mapping import map_error
from exporter.database.round_trip import RoundTripTimer

Result = TypeVar("Result")
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class _ConnectFailure:
    error: psycopg.Error
    at: float


class Connector:
    """Lends the connection, making it where there is none.

    `open` connects to nothing; `close` makes whoever waits give up within a TICK.
    """

    def __init__(self, settings: DatabaseSettings, deadline: Deadline) -> None:
        self._settings = settings
        self._deadline = deadline
        self._failure: _ConnectFailure | None = None
        self.round_trip = RoundTripTimer()
        self._pool = self._make_pool()

    @property
    def target(self) -> str:
        """Where this goes, for people: host, port and database, without secrets."""
        return target(self._settings.dsn.reveal())

    def open(self) -> None:
        """Start the pool's worker."""
        self._pool.open()

    def close(self) -> None:
        """Break off what is running and close the connection. Returns within about two seconds."""
        self._deadline.stopping.set()
        self._pool.close(timeout=2)

    def release(self, connection: Connection) -> None:
        """Whatever state it is in: a broken one is dropped."""
        self._pool.putconn(connection)

    def acquire(self) -> Connection:
        """The connection; psycopg-pool makes it in a thread of its own and would keep the reason of a failure.

        Gives up after connect_timeout and a second. Raises: SampleError of the kind that the failure means.
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
        """Raises: Unreachable when there is no hope for a connection any more."""
        failure = self._failure
        # A failure of a moment ago stands for all collectors of this round: one knock at the door is enough.
        if failure and failure.at > started - self._settings.connect_timeout:
            raise map_error(failure.error) from failure.error
        if time.monotonic() > started + self._settings.connect_timeout + CLIENT_GRACE:
            raise Unreachable(f"no connection to {self.target} in time")
        if self._deadline.stopping.is_set():
            raise Unreachable("the exporter is stopping")

    def _make_pool(self) -> ConnectionPool[Connection]:
        settings = self._settings
        return ConnectionPool(
            settings.dsn.reveal(),
            connection_class=self._connection_class(),
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "fallback_application_name": "outbox-exporter",
                # Until sql/defaults.sql says what the database's own is: in what encoding we begin to speak.
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
        connector, deadline = self, self._deadline

        class PatientConnection(psycopg.Connection[Any]):
            """Waits no longer than its sample may, and tells why connecting failed."""

            @classmethod
            def connect(cls, conninfo: str = "", **parameters: Any) -> "PatientConnection":
                try:
                    connection = super().connect(conninfo, **parameters)
                except psycopg.Error as error:
                    # Its traceback would keep the abandoned attempt's socket open.
                    connector._failure = _ConnectFailure(error.with_traceback(None), time.monotonic())
                    raise
                connector._failure = None
                connector.round_trip.connected()
                return connection

            def wait(self, gen: PQGen[Result], interval: float = POLL_INTERVAL, timeout: float | None = None) -> Result:
                started = time.monotonic()
                try:
                    return super().wait(deadline.limit(gen), interval, timeout)
                except DeadlineExceeded as error:
                    self._give_up(error)
                finally:
                    connector.round_trip.note(time.monotonic() - started)

            def _give_up(self, error: DeadlineExceeded) -> NoReturn:
                # So that the statement does not run on; a server that is gone cannot be asked.
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=1)
                self.pgconn.finish()
                raise Unreachable(str(error)) from error

        return PatientConnection


def _check_alive(connection: Connection) -> None:
    """Notice that the server has hung up since the last sample. Raises: OperationalError.

    Costs no round trip as a rule: an idle server has nothing to say, unless it says goodbye.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)
