"""The sockets of one request, which another thread can abort at its deadline.

A read timeout bounds the wait for the next byte; a server that sends one byte now and then stays below it for ever,
in headers as well as in the body. Only closing the connection from outside bounds the whole answer.
"""

import socket
import threading
from contextlib import suppress


class AbortableConnections:
    """Aborts the connections of one thread at the request of another. Close it when the request is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._aborted = False

    @property
    def is_aborted(self) -> bool:
        """True once `abort` was called."""
        return self._aborted

    def register(self, connection: socket.socket) -> None:
        """Register a connection; it is aborted at once when `abort` was called before."""
        with self._lock:
            # A duplicate of our own: the number of a descriptor that its owner closed may mean another file by now.
            self._sockets.append(connection.dup())
            if self._aborted:
                self._shut_down()

    def abort(self) -> None:
        """End all connections, later ones too: a thread that waits for bytes gets the end of the stream."""
        with self._lock:
            self._aborted = True
            self._shut_down()

    def close(self) -> None:
        """Release the connections."""
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()

    def _shut_down(self) -> None:
        for connection in self._sockets:
            with suppress(OSError):  # the other side was faster
                connection.shutdown(socket.SHUT_RDWR)
