"""The sockets of one request, in the hands of somebody who may lose patience.

A read timeout bounds the wait for the next byte; a server that sends one byte now and then stays below it for ever,
in headers as well as in the body. Only closing the connection from outside bounds the whole answer.
"""

import socket
import threading
from contextlib import suppress


class AbortableConnections:
    """Cuts the connections that one thread opens, on the word of another. Close it when the request is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._aborted = False

    @property
    def is_aborted(self) -> bool:
        """True when somebody lost patience."""
        return self._aborted

    def register(self, connection: socket.socket) -> None:
        """Take hold of a connection; it is cut at once when the word has already been given."""
        with self._lock:
            # A duplicate of our own: the number of a descriptor that its owner closed may mean another file by now.
            self._sockets.append(connection.dup())
            if self._aborted:
                self._shut_down()

    def abort(self) -> None:
        """End all connections, those to come included: whoever waits for bytes wakes up to the end of the stream."""
        with self._lock:
            self._aborted = True
            self._shut_down()

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()

    def _shut_down(self) -> None:
        for register in self._sockets:
            with suppress(OSError):  # the other side was faster
                register.shutdown(socket.SHUT_RDWR)
