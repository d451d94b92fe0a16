"""How long a conversation with the server may take, whatever the server does."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

from psycopg.abc import PQGen

Result = TypeVar("Result")

# How much longer than statement_timeout the client waits before it concludes that the server is not there.
CLIENT_GRACE = 1.0
# How often a waiting session looks at its deadline and at the wish to stop, seconds.
POLL_INTERVAL = 0.1


class DeadlineExceeded(Exception):
    """The server did not answer in time, or the exporter is asked to stop."""


class Deadline:
    """How long the session in use may still wait: one deadline, one wish to stop."""

    def __init__(self) -> None:
        self.stopping = Event()
        self.until = float("inf")

    @contextmanager
    def within(self, seconds: float) -> Generator[None]:
        """Patience for so long."""
        self.until = time.monotonic() + seconds
        try:
            yield
        finally:
            self.until = float("inf")

    def check(self) -> None:
        """Raises: OutOfPatience when it has run out."""
        if self.stopping.is_set():
            raise DeadlineExceeded("the exporter is stopping")
        if time.monotonic() > self.until:
            raise DeadlineExceeded("no answer from the server in time; the connection was given up")

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
