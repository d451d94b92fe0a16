"""Several requests under one deadline that holds whatever they meet.

They share one keep-alive connection while the application is quick. When one request keeps the others waiting, they
continue in parallel, each worker thread with a connection of its own: an endpoint that hangs delays no other.
"""

import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import closing
from ssl import SSLContext
from threading import Thread

from exporter.application.fetch import HttpAnswer, HttpRequest, fetch
from exporter.core.abortable import AbortableConnections
from exporter.core.errors import BadStatus, SampleError, TooSlow, Unreachable
from exporter.core.http_client import AbortableAdapter

# A worker whose connections were aborted wakes at once and takes some milliseconds to clean up, seconds. One that waits
# for name resolution, which nothing can interrupt, is left behind.
GRACE = 0.25
# After so many seconds another worker takes the requests that wait: endpoints answer in some milliseconds, and four
# that all hang have all been asked after three times this.
WORKER_DELAY = 0.05

_Queue = deque[tuple[HttpRequest, Future[HttpAnswer]]]


class RequestBatch:
    """Sends requests and waits for their answers. For one `wait`; `abort` is safe from any thread.

    Shape: `answers` has a future for each request, in their order. One that is still running after `wait` hangs.
    """

    def __init__(self, requests: Iterable[HttpRequest] = (), tls_context: SSLContext | None = None) -> None:
        self._queue: _Queue = deque((request, Future()) for request in requests)
        self.answers = tuple(answer for _, answer in self._queue)
        self._tls_context = tls_context
        self._workers: list[_Worker] = []

    def wait(self, deadline: float) -> None:
        """Wait until all have ended or the deadline (seconds of the monotonic clock) is over, and abort the rest.

        Takes at most GRACE longer than the deadline.
        """
        while self._queue and (left := deadline - time.monotonic()) > 0:
            worker = _Worker(self._queue, self._tls_context)
            self._workers.append(worker)
            worker.start()
            worker.join(min(WORKER_DELAY, left))
        self._join(deadline)
        self.abort()
        self._join(deadline + GRACE)

    def abort(self) -> None:
        """End all requests that have not ended, and begin no other."""
        self._queue.clear()
        for worker in tuple(self._workers):
            worker.connections.abort()

    def _join(self, deadline: float) -> None:
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))


def result_of(answer: Future[HttpAnswer]) -> HttpAnswer | SampleError:
    """The answer, or why there is none; TooSlow for one that has not come. Raises: any exception that is a bug."""
    if not answer.done():
        return TooSlow("no complete answer in time")
    error = answer.exception()
    if error is None or isinstance(error, SampleError):
        return error or answer.result()
    raise error


class _Worker(Thread):
    """Sends requests while any wait. A daemon, so that a resolver that hangs delays no exit."""

    def __init__(self, queue: _Queue, tls_context: SSLContext | None) -> None:
        super().__init__(name="application-request", daemon=True)
        self.connections = AbortableConnections()
        self._queue = queue
        self._tls_context = tls_context
        self._adapter: AbortableAdapter | None = None

    def run(self) -> None:
        with closing(self.connections):
            while not self.connections.is_aborted:
                try:
                    request, answer = self._queue.popleft()
                except IndexError:
                    break
                answer.set_running_or_notify_cancel()
                self._send(request, answer)
            self._close_adapter()

    def _send(self, request: HttpRequest, answer: Future[HttpAnswer]) -> None:
        aborted = TooSlow("no complete answer in time")
        try:
            found = self._fetch(request)
        except SampleError as error:
            # A fresh one: the traceback and the context of the old one hold bodies of megabytes and connections.
            answer.set_exception(aborted if self.connections.is_aborted else type(error)(*error.args))
        except Exception as error:  # noqa: BLE001 - handed over, bugs included
            answer.set_exception(error)
        else:
            # An aborted one may look complete.
            if self.connections.is_aborted:
                answer.set_exception(aborted)
            else:
                answer.set_result(found)

    def _fetch(self, request: HttpRequest) -> HttpAnswer:
        """Fetch over the connection that is kept, or over a new one where it turns out to be closed."""
        is_kept = self._adapter is not None
        self._adapter = self._adapter or AbortableAdapter(self.connections, self._tls_context)
        try:
            return fetch(request, self._adapter)
        except SampleError as error:
            self._close_adapter()
            # A server may close the connection after any answer, or leave bytes of it unread: no fault of this request.
            if not is_kept or self.connections.is_aborted or not isinstance(error, Unreachable | BadStatus):
                raise
        return self._fetch(request)

    def _close_adapter(self) -> None:
        if self._adapter is not None:
            self._adapter.close()
            self._adapter = None
