"""The one connection: how it is made, checked, waited for and given up. psycopg-pool holds it."""

import select
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from exporter.config import DatabaseSettings
from exporter.database.distance import Distance
from exporter.database.dsn import target
from exporter.database.patience import GRACE, TICK, OutOfPatience, Patience
from exporter.database.translation import translate
from exporter.errors import Unreachable

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

    def __init__(self, settings: DatabaseSettings, patience: Patience) -> None:
        self._settings = settings
        self._patience = patience
        self._failure: _ConnectFailure | None = None
        self.distance = Distance()
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
        self._patience.stopping.set()
        self._pool.close(timeout=2)

    def give_back(self, connection: Connection) -> None:
        """Whatever state it is in: a broken one is dropped."""
        self._pool.putconn(connection)

    def lend(self) -> Connection:
        """The connection; psycopg-pool makes it in a thread of its own and would keep the reason of a failure.

        Gives up after connect_timeout and a second. Raises: SampleError of the kind that the failure means.
        """
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
        failure = self._failure
        # A failure of a moment ago stands for all collectors of this round: one knock at the door is enough.
        if failure and failure.at > started - self._settings.connect_timeout:
            raise translate(failure.error) from failure.error
        if time.monotonic() > started + self._settings.connect_timeout + GRACE:
            raise Unreachable(f"no connection to {self.target} in time")
        if self._patience.stopping.is_set():
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
        connector, patience = self, self._patience

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
                connector.distance.connected()
                return connection

            def wait(self, gen: PQGen[Result], interval: float = TICK, timeout: float | None = None) -> Result:
                started = time.monotonic()
                try:
                    return super().wait(patience.limit(gen), interval, timeout)
                except OutOfPatience as error:
                    self._give_up(error)
                finally:
                    connector.distance.note(time.monotonic() - started)

            def _give_up(self, error: OutOfPatience) -> NoReturn:
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
