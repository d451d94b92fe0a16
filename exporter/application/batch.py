"""Several requests under one deadline that holds whatever they meet.

They share one connection while it is quick. When it keeps the others waiting, they go side by side, each on a thread
and a connection of its own: a server that hangs at one of them delays no other.
"""

import time
from collections import deque
from collections.abc import Iterable
from contextlib import closing, suppress
from ssl import SSLContext
from threading import Thread

from exporter.application.fetch import HttpAnswer, Request, fetch
from exporter.core.abortable import AbortableConnections
from exporter.core.errors import BadStatus, SampleError, TooSlow, Unreachable
from exporter.core.http_client import AbortableAdapter

# A thread whose wire was cut wakes at once and needs some milliseconds to clean up; one that waits for name
# resolution, which nothing can interrupt, is left behind.
GRACE = 0.25
# Requests that have waited so long for the one before them no longer do, seconds: endpoints answer in some
# milliseconds, and four that all hang have all been asked after three times this.
PATIENCE = 0.05


class Errand:
    """One request, and what has come of it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._answer: HttpAnswer | None = None
        self._error: Exception | None = None
        self.under_way = False

    def run(self, line: "_Line") -> None:
        """The request, once. Raises nothing: `answer` does, where it is seen."""
        self.under_way = True
        try:
            answer = line.ask(self._request)
            # What a cut leaves of one may look complete.
            self._answer = None if line.is_aborted else answer
        except SampleError as error:
            # A fresh one: the traceback and the context of the old one hold bodies of megabytes and connections.
            self._error = None if line.is_aborted else type(error)(*error.args)
        except Exception as error:  # noqa: BLE001 - handed over, bugs included
            self._error = error
        self.under_way = False

    def answer(self) -> HttpAnswer:
        """What it brought back. Raises: TooSlow when nothing did in time, else whatever the request raised."""
        if self._error is not None:
            raise self._error
        if self._answer is None:
            raise TooSlow("no complete answer in time")
        return self._answer


class Flights:
    """Carries errands, under way together. For one `land`; `cut` is safe from any thread."""

    def __init__(self, errands: Iterable[Errand], spare: "Spare") -> None:
        self._waiting = deque(errands)
        self._spare = spare
        self._flights: list[_Flight] = []

    def land(self, deadline: float) -> None:
        """Wait until all have ended or the deadline (seconds of the monotonic clock) has passed, and cut the late ones.

        Takes at most GRACE longer than the deadline.
        """
        while self._waiting and (left := deadline - time.monotonic()) > 0:
            flight = _Flight(self._waiting, self._spare)
            self._flights.append(flight)
            flight.start()
            flight.join(min(PATIENCE, left))
        self._join(deadline)
        self.abort()
        self._join(deadline + GRACE)

    def abort(self) -> None:
        """Give up on all that has not ended."""
        self._waiting.clear()
        for flight in tuple(self._flights):
            flight.abort()

    def _join(self, deadline: float) -> None:
        for flight in self._flights:
            flight.join(max(0.0, deadline - time.monotonic()))


class _Flight(Thread):
    """Runs errands while any wait, on a line of its own: a daemon, so that a resolver that hangs delays no exit."""

    def __init__(self, waiting: deque[Errand], spare: "Spare") -> None:
        super().__init__(name="application-flight", daemon=True)
        self._waiting = waiting
        self._wire = AbortableConnections()
        self._line = _Line(self._wire, spare)

    def run(self) -> None:
        with closing(self._wire), closing(self._line):
            while not self._wire.is_aborted and self._waiting:
                with suppress(IndexError):  # another flight was faster
                    self._waiting.popleft().run(self._line)

    def abort(self) -> None:
        self._wire.abort()


class Spare:
    """Keeps an adapter that one flight leaves for the next. Safe to use from any thread.

    It has no connections, but making another would take a fifth of a request's time.
    """

    def __init__(self, tls_context: SSLContext | None = None) -> None:
        self._tls_context = tls_context
        self._adapters: list[AbortableAdapter] = []

    def take(self, wire: AbortableConnections) -> AbortableAdapter:
        """One whose connections will hang on this wire."""
        try:
            adapter = self._adapters.pop()
        except IndexError:
            return AbortableAdapter(wire, self._tls_context)
        adapter.wire = wire
        return adapter

    def put(self, adapter: AbortableAdapter) -> None:
        """Hang up, and keep it if there is none."""
        adapter.close_connections()
        if not self._adapters:
            self._adapters.append(adapter)


class _Line:
    """A connection that is kept for the next request, on a wire. Close it."""

    def __init__(self, wire: AbortableConnections, spare: Spare) -> None:
        self._wire = wire
        self._spare = spare
        self._adapter: AbortableAdapter | None = None

    @property
    def is_aborted(self) -> bool:
        """True when somebody lost patience."""
        return self._wire.is_aborted

    def ask(self, request: Request) -> HttpAnswer:
        """Fetch it, anew where the line turns out to be dead. Raises: as `fetch`."""
        used = self._adapter is not None
        adapter = self._adapter = self._adapter or self._spare.take(self._wire)
        try:
            answer = fetch(request, adapter)
        except SampleError as error:
            self._give_up()
            # A server may hang up after any answer, or leave the rest of one on the line: that is not this request's.
            if not used or self._wire.is_aborted or not isinstance(error, Unreachable | BadStatus):
                raise
            return self.ask(request)
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._adapter is not None and not self._wire.is_aborted:
            self._spare.put(self._adapter)
            self._adapter = None
        self._give_up()

    def _give_up(self) -> None:
        if self._adapter is not None:
            self._adapter.close()
            self._adapter = None
