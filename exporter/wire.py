"""The sockets of one request, in the hands of somebody who may lose patience.

A read timeout bounds the wait for the next byte; a server that sends one byte now and then stays below it for ever,
in headers as well as in the body. Only closing the connection from outside bounds the whole answer.
"""

import socket
import threading
from contextlib import suppress


class Wire:
    """Cuts the connections that one thread opens, on the word of another. Close it when the request is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taps: list[socket.socket] = []
        self._cut = False

    @property
    def is_cut(self) -> bool:
        """True when somebody lost patience."""
        return self._cut

    def tap(self, connection: socket.socket) -> None:
        """Take hold of a connection; it is cut at once when the word has already been given."""
        with self._lock:
            # A duplicate of our own: the number of a descriptor that its owner closed may mean another file by now.
            self._taps.append(connection.dup())
            if self._cut:
                self._shut_down()

    def cut(self) -> None:
        """End all connections, those to come included: whoever waits for bytes wakes up to the end of the stream."""
        with self._lock:
            self._cut = True
            self._shut_down()

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            while self._taps:
                self._taps.pop().close()

    def _shut_down(self) -> None:
        for tap in self._taps:
            with suppress(OSError):  # the other side was faster
                tap.shutdown(socket.SHUT_RDWR)
