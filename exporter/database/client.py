"""The one door to the watched database."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from exporter.config.settings import DatabaseSettings
from exporter.core.errors import SampleError
from exporter.database import visibility
from exporter.database.connection import Connection, Connector
from exporter.database.deadline import CLIENT_GRACE, Deadline
from exporter.database.error_mapping import mapped_errors
from exporter.database.replay import ReplayTracker
from exporter.database.session import NO_PREFETCH, Prefetch, PreviousSample, Session
from exporter.metrics.readings import DatabaseServer


class Database:
    """The one door to the watched database.

    `open` connects to nothing; the first sample does. `close` breaks off a sample that is under way within a second.
    Use from one thread at a time.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._deadline = Deadline()
        # What the latest sample could read, whether row security applied to it, and which tables have no partitions.
        self._readable: dict[tuple[visibility.Table, ...], tuple[bool, frozenset[str]]] = {}
        self._connector = Connector(settings, self._deadline)
        self._tracker = ReplayTracker()

    @property
    def target(self) -> str:
        """Where this goes, for people: host, port and database, without secrets."""
        return self._connector.target

    @property
    def network_time(self) -> float:
        """Seconds of the latest sample that went into the way to the server and back, and cost it nothing."""
        return self._connector.round_trip.network_time

    @property
    def server(self) -> DatabaseServer | None:
        """Which server answered the latest sample; None where none did."""
        return self._tracker.server

    def open(self) -> None:
        """Start the pool's worker; no connection is made yet."""
        self._connector.open()

    def close(self) -> None:
        """Break off what is running and close the connection. Returns within about two seconds."""
        self._connector.close()

    @contextmanager
    def sample(
        self, *reads: visibility.Table, prefetch: Prefetch = NO_PREFETCH, primary_only: bool = False
    ) -> Iterator[Session]:
        """One transaction that is proved harmless and, for the tables in `reads`, proved not blind.

        What it asks `ahead` is asked with the proof where the latest sample of the same tables succeeded: otherwise the
        server might refuse it in its own words before anybody could say what is missing. `primary_only` refuses a
        standby, however fresh it is: it proves nothing about the primary.

        Waits for the server at most connect_timeout, then statement_timeout plus a second for the whole sample.
        Raises: SampleError; the connection is then rolled back, or given up when the server does not answer.
        """
        settings = self._settings
        self._connector.round_trip.begin()
        self._tracker.begin()
        with self._deadline.within(settings.connect_timeout + CLIENT_GRACE):
            connection = self._connector.acquire()
        try:
            with (
                self._deadline.within(settings.statement_timeout + CLIENT_GRACE),
                mapped_errors(),
                _ended(connection),
            ):
                known = reads in self._readable
                session = Session(
                    connection,
                    settings,
                    reads,
                    prefetch if known else NO_PREFETCH,
                    PreviousSample(*self._readable.get(reads, (False, frozenset())), self._tracker),
                )
                if primary_only:
                    self._tracker.refuse_standby()
                self._readable[reads] = session.filtered, session.plain
                yield session
        except BaseException:
            # Whatever it was, the next sample looks at everything again, and names what is missing.
            self._readable.pop(reads, None)
            raise
        finally:
            self._connector.release(connection)


@contextmanager
def _ended(connection: Connection) -> Iterator[None]:
    """The transaction that is begun in there is over afterwards. Raises: psycopg.Error."""
    try:
        yield
    except BaseException:
        # What went wrong says more than that even this was not heard.
        with suppress(psycopg.Error, SampleError):
            connection.rollback()
        raise
    connection.commit()
