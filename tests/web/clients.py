"""Raw connections to a web server, and slow requests."""

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import ClassVar

from exporter.web.server import ServerLimits, WebServer
from tests import webtools
from tests.webtools import get

# Seconds for a scrape. Prometheus allows 10 s; a queue of stalled clients would take longer than this.
PROMPT = 2.0


STALLS = {
    "no byte": b"",
    "one byte": b"G",
    "half a header": b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "a body that never comes": b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n",
    "idle after a response": b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
}


class Client:
    """A raw connection. The fixture `close_clients` closes it."""

    made: ClassVar[list["Client"]] = []

    def __init__(self, server: WebServer) -> None:
        host, _, port = server.address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.made.append(self)

    def send(self, data: bytes) -> "Client":
        """Send all of it, or until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)
        return self

    def read(self) -> bytes:
        """All data until the server closes the connection. Raises: TimeoutError after 5 s."""
        received = b""
        with contextlib.suppress(ConnectionError):
            while data := self.socket.recv(65536):
                received += data
        return received

    def read_response(self) -> bytes:
        """One response of /-/healthy, or the data until the server closes the connection."""
        received = b""
        while not received.endswith(b"healthy\n") and (data := self.socket.recv(65536)):
            received += data
        return received

    def is_open(self) -> bool:
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.socket.settimeout(5)


def connect_clients(server: WebServer, number: int, words: bytes) -> list[Client]:
    return [Client(server).send(words) for _ in range(number)]


@contextlib.contextmanager
def serving(**limits: float) -> Iterator[WebServer]:
    with WebServer(webtools.site(), "127.0.0.1:0", limits=ServerLimits(**limits)) as server:  # type: ignore[arg-type] # connections and header are given as int
        yield server


def scrape(server: WebServer) -> float:
    """Seconds for a scrape on a new connection."""
    began = time.monotonic()
    assert get(f"{server.url}/metrics").status_code == 200
    return time.monotonic() - began
