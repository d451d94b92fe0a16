"""An application that behaves badly on purpose: raw sockets on loopback, one behaviour for each path."""

import gzip
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, Self

from exporter.application.endpoints import ENDPOINTS
from tests.application.samples import DOCUMENTED, body

MEGABYTE: Final = 1_000_000


class ServerConnection:
    """One connection, after its request was read."""

    def __init__(self, connection: socket.socket, stopped: threading.Event) -> None:
        self.connection = connection
        self._stopped = stopped

    def send(self, *parts: bytes) -> None:
        """Send all of it, or raise OSError when the client is gone."""
        for part in parts:
            self.connection.sendall(part)

    def pause(self, seconds: float) -> None:
        """Wait, but not for longer than the server lives."""
        if self._stopped.wait(seconds):
            raise ConnectionAbortedError

    def hold(self) -> None:
        """Keep the connection open until the client leaves or the server ends."""
        self.connection.settimeout(0.05)
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                if not self.connection.recv(1000):
                    return


Behaviour = Callable[[ServerConnection], None]


class HostileServer:
    """Serves each path by its behaviour and remembers every request it got."""

    def __init__(self, behaviours: Mapping[str, Behaviour], tls: ssl.SSLContext | None = None) -> None:
        self.behaviours = dict(behaviours)
        self.requests: list[bytes] = []
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._tls = tls
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, name="hostile-accept")]

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in the order they came."""
        return [path for request in self.requests if (path := _path(request)) is not None]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.origin.rpartition(":")[2])

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        for thread in tuple(self._threads):
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), name="hostile")
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(2)
        with connection, suppress(OSError):
            if self._tls is None:
                self._respond(connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                self._respond(encrypted)

    def _respond(self, connection: socket.socket) -> None:
        request = connection.recv(65536)
        self.requests.append(request)
        path = _path(request)
        if path is not None:
            self.behaviours.get(path, not_found)(ServerConnection(connection, self._stopped))


def _path(request: bytes) -> str | None:
    """The path of a request, None for a client that left or does not speak HTTP."""
    return request.split(b" ", 2)[1].decode() if request.startswith(b"GET ") else None


# --- behaviours ------------------------------------------------------------------------------------------------
def head(status: str = "200 OK", **headers: object) -> bytes:
    """Status line and headers; `content_length=5` is a header."""
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def respond(content: bytes, status: str = "200 OK", **headers: object) -> Behaviour:
    """One whole, honest answer."""

    def behave(connection_in_use: ServerConnection) -> None:
        connection_in_use.send(head(status, content_length=len(content), **headers), content)

    return behave


def raw(*parts: bytes) -> Behaviour:
    """These bytes, and the end of the stream."""
    return lambda connection_in_use: connection_in_use.send(*parts)


not_found = respond(b"<html>Not found</html>", "404 Not Found")


def silence(connection_in_use: ServerConnection) -> None:
    """Accept and send nothing."""
    connection_in_use.hold()


def trickle(before: bytes, drip: bytes, interval: float) -> Behaviour:
    """One drip after another, for ever, each well before a read timeout strikes."""

    def behave(connection_in_use: ServerConnection) -> None:
        connection_in_use.send(before)
        while True:
            connection_in_use.send(drip)
            connection_in_use.pause(interval)

    return behave


def stall(before: bytes) -> Behaviour:
    """A beginning, then nothing."""

    def behave(connection_in_use: ServerConnection) -> None:
        connection_in_use.send(before)
        connection_in_use.hold()

    return behave


def reset(before: bytes = b"") -> Behaviour:
    """A beginning, then RST instead of FIN."""

    def behave(connection_in_use: ServerConnection) -> None:
        connection_in_use.send(before)
        connection_in_use.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def flood(before: bytes, megabytes: int) -> Behaviour:
    """A beginning, then this much, unless the client leaves first."""

    def behave(connection_in_use: ServerConnection) -> None:
        connection_in_use.send(before)
        for _ in range(megabytes):
            connection_in_use.send(b"[" * MEGABYTE)

    return behave


def redirect(location: str, status: str = "302 Found") -> Behaviour:
    """Look elsewhere."""
    return respond(b"", status, location=location)


def gzipped(content: bytes) -> bytes:
    """The content as gzip."""
    return gzip.compress(content, 9)


def bomb(megabytes: int) -> bytes:
    """A small gzip stream of this much white space and a valid payload."""
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    spaces = b"".join(packer.compress(b" " * MEGABYTE) for _ in range(megabytes))
    return spaces + packer.compress(body(DOCUMENTED["getFSM"])) + packer.flush()


@contextmanager
def application(
    behaviours: Mapping[str, Behaviour] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[HostileServer]:
    """An application in the documented dialect, all well but for the endpoints whose behaviour is given."""
    well = {endpoint: respond(body({"result": {"data": DOCUMENTED[endpoint]}})) for endpoint in ENDPOINTS}
    paths = {f"/trpc/metrics.{endpoint}": behaviour for endpoint, behaviour in (well | dict(behaviours or {})).items()}
    with HostileServer(paths, tls) as server:
        yield server
