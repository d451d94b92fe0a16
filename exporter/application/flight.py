"""Several requests at once, under one deadline that holds whatever they meet."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from threading import Thread

from exporter.application.fetch import Answer
from exporter.errors import SampleError, TooSlow
from exporter.wire import Wire

# A thread whose wire was cut wakes at once and needs some milliseconds to clean up; one that waits for name
# resolution, which nothing can interrupt, is left behind.
GRACE = 0.25


class Flight(Thread):
    """One request on a thread of its own: a daemon, so that a resolver that hangs delays no exit."""

    def __init__(self, name: str, request: Callable[[Wire], Answer]) -> None:
        super().__init__(name=name, daemon=True)
        self._request = request
        self._wire = Wire()
        self._answer: Answer | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        """The request, once."""
        try:
            with closing(self._wire):
                self._answer = self._request(self._wire)
        except SampleError as error:
            # A fresh one: the traceback and the context of the old one hold bodies of megabytes and connections.
            self._error = type(error)(*error.args)
        except Exception as error:  # noqa: BLE001 - handed over, bugs included: `answer` raises it where it is seen
            self._error = error

    def cut(self) -> None:
        """Give up on it."""
        self._wire.cut()

    def answer(self) -> Answer:
        """What it brought back. Raises: TooSlow when it was cut, else whatever the request raised."""
        if self._wire.is_cut or self.is_alive():
            raise TooSlow("no complete answer in time")
        if self._error is not None:
            raise self._error
        assert self._answer is not None, "run() leaves an answer or an error"  # noqa: S101
        return self._answer


def land(flights: Iterable[Flight], deadline: float) -> None:
    """Wait until all have ended or the deadline (seconds of the monotonic clock) has passed, and cut the late ones.

    Takes at most GRACE longer than the deadline.
    """
    for flight in flights:
        flight.join(max(0.0, deadline - time.monotonic()))
    late = [flight for flight in flights if flight.is_alive()]
    for flight in late:
        flight.cut()
    for flight in late:
        flight.join(max(0.0, deadline + GRACE - time.monotonic()))
