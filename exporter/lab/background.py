"""Loops in background threads, and their database connections."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import psycopg

_log = logging.getLogger(__name__)

_RETRY_DELAY: Final = 0.5  # seconds until the next step after a database error
_TIMEOUT: Final = 1.0  # seconds that `stop` waits for a step


class LoopStoppedError(Exception):
    """The loop was stopped while a step was resting."""


class LabConnection:
    """An autocommit session, opened when first used and again after an error. Use from one thread."""

    def __init__(self, dsn: str, **options: Any) -> None:
        self._dsn = dsn
        self._options = {"connect_timeout": 2, **options}
        self._connection: psycopg.Connection | None = None

    def open(self) -> psycopg.Connection:
        """The session. Raises: psycopg.OperationalError when the server cannot be reached."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._dsn, autocommit=True, **self._options)
        return self._connection

    def close(self) -> None:
        """Ends the session; the next `open` begins another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class BackgroundLoop:
    """A daemon thread that repeats a step, with a rest after each.

    A database error ends a step and not the loop, so that the lab continues after a fault.
    """

    def __init__(self, name: str, step: Callable[[], float], *connections: LabConnection) -> None:
        """Prepares a loop.

        Args:
            name: for the thread and the log.
            step: does one thing and returns the seconds to rest.
            connections: of the loop, which it closes when it ends.
        """
        self.name = name
        self._connections = connections
        self._step = step
        self._stopping = threading.Event()
        self._resumed = threading.Event()
        self._resumed.set()
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs; true while paused too."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread. After `stop` it may be called again, and waits for a step that is still running."""
        if self._thread is not None:
            self._thread.join()
        self._stopping.clear()
        self._resumed.set()
        self._thread = threading.Thread(target=self._run, name=f"lab-{self.name}", daemon=True)
        self._thread.start()

    def request_stop(self) -> None:
        """Ends the loop at its next rest, without waiting for it."""
        self._stopping.set()
        self._resumed.set()

    def stop(self) -> None:
        """Ends the loop, waiting at most 1 s for a step that hangs in the database."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join(_TIMEOUT)

    def pause(self) -> None:
        """Suspends the loop before its next step until `resume`, like a program that hangs."""
        self._resumed.clear()

    def resume(self) -> None:
        """Ends a pause."""
        self._resumed.set()

    def rest(self, seconds: float) -> None:
        """Sleeps inside a step. Raises: LoopStoppedError when the loop is stopped."""
        if self._stopping.wait(seconds):
            raise LoopStoppedError

    def _run(self) -> None:
        try:
            while True:
                self._resumed.wait()
                self.rest(0)
                self.rest(self._run_step())
        except LoopStoppedError:
            return
        finally:
            for connection in self._connections:
                connection.close()

    def _run_step(self) -> float:
        try:
            return self._step()
        except psycopg.Error as error:
            _log.debug("%s: %s", self.name, error)
            return _RETRY_DELAY
