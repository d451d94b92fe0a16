"""The deadline of a conversation with the server, whatever the server does."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

from psycopg.abc import PQGen

Result = TypeVar("Result")

# How much longer than statement_timeout the client waits before it takes the server for unreachable, seconds.
CLIENT_GRACE = 1.0
# How often a waiting session checks its deadline and whether it has to stop, seconds.
POLL_INTERVAL = 0.1


class DeadlineExceeded(Exception):
    """The server did not answer in time, or the exporter is asked to stop."""


class Deadline:
    """The deadline of the session in use, and whether it has to stop at once."""

    def __init__(self) -> None:
        self.stopping = Event()
        self.until = float("inf")

    @contextmanager
    def within(self, seconds: float) -> Generator[None]:
        """Set the deadline, so many seconds from now, while the context lasts."""
        self.until = time.monotonic() + seconds
        try:
            yield
        finally:
            self.until = float("inf")

    def check(self) -> None:
        """Raises: DeadlineExceeded when the time is over, or the exporter is stopping."""
        if self.stopping.is_set():
            raise DeadlineExceeded("the exporter is stopping")
        if time.monotonic() > self.until:
            raise DeadlineExceeded("no answer from the server in time; the connection was closed")

    def limit(self, gen: PQGen[Result]) -> PQGen[Result]:
        """The same exchange with libpq, ended at the deadline. psycopg resumes it every POLL_INTERVAL."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                self.check()
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result
