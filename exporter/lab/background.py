"""Work that goes on in the background, and the database session it works in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import psycopg

_log = logging.getLogger(__name__)

_RETRY_DELAY: Final = 0.5  # seconds until the next try while the database does not answer
_TIMEOUT: Final = 1.0  # seconds for a step to notice that it shall end


class LoopStoppedError(Exception):
    """The loop was told to stop while a step was resting."""


class LabConnection:
    """One autocommit session, opened when first used and again after it broke; for one thread."""

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
    """A daemon thread that takes a step, rests as long as the step says, and takes the next.

    Trouble with the database ends a step, never the loop: what lives in the lab outlives its faults.
    """

    def __init__(self, name: str, step: Callable[[], float], *links: LabConnection) -> None:
        """Plans a loop.

        Args:
            name: for the thread and the log.
            step: does one thing and returns how many seconds to rest.
            links: sessions of the loop, closed by it when it ends.
        """
        self.name = name
        self._links = links
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
        """Begins; may be called again after `stop`, and then waits for a step that outlived it."""
        if self._thread is not None:
            self._thread.join()
        self._stopping.clear()
        self._resumed.set()
        self._thread = threading.Thread(target=self._run, name=f"lab-{self.name}", daemon=True)
        self._thread.start()

    def request_stop(self) -> None:
        """Has the loop end at its next rest, without waiting for it."""
        self._stopping.set()
        self._resumed.set()

    def stop(self) -> None:
        """Ends the loop, waiting at most a second for a step that hangs in the database."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join(_TIMEOUT)

    def pause(self) -> None:
        """Lets the loop hang before its next step until `resume`, as a stuck program does: alive and idle."""
        self._resumed.clear()

    def resume(self) -> None:
        """Ends a pause."""
        self._resumed.set()

    def rest(self, seconds: float) -> None:
        """Sleeps inside a step. Raises: StoppedError when the loop shall end."""
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
            for link in self._links:
                link.close()

    def _run_step(self) -> float:
        try:
            return self._step()
        except psycopg.Error as error:
            _log.debug("%s: %s", self.name, error)
            return _RETRY_DELAY
