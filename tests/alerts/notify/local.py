"""A receiver on loopback with configurable behaviour: answer, refuse, delay, disconnect, or send invalid data."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to a request. `raw` are bytes in place of an HTTP answer; `silent` sends nothing."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes | None = None
    silent: bool = False
    drip: bool = False  # one byte of a header now and then, for ever


OK: Final = Reply(202)
HANG_UP: Final = Reply(raw=b"")
NONSENSE: Final = Reply(raw=b"\x16\x03\x01 this is not HTTP\r\n\r\n")
SILENCE: Final = Reply(silent=True)
DRIP: Final = Reply(drip=True)


@dataclass(frozen=True, slots=True)
class Received:
    """One request: path, headers by lower-case name, body as JSON; and the reply."""

    path: str
    headers: Mapping[str, str]
    body: Any
    reply: Reply
    method: str = "POST"


@dataclass(slots=True)
class Local:
    """The receiver. `answer` chooses the reply for a body; `received` holds the requests."""

    url: str = ""
    answer: Callable[[Any], Reply] = lambda _: OK
    received: list[Received] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, headers: Mapping[str, str], body: Any, method: str) -> Reply:
        reply = self.answer(body)
        lower = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            self.received.append(Received(path, lower, body, reply, method))
            return reply

    def bodies(self, status: int = 202) -> list[Any]:
        """The requests that were answered with that status."""
        with self._lock:
            return [each.body for each in self.received if each.reply.status == status and each.reply.raw is None]


class _Handler(http.server.BaseHTTPRequestHandler):
    """One connection to the receiver that its server holds."""

    server: _Server

    def do_POST(self) -> None:
        self._take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_GET(self) -> None:
        self._take(None)

    def do_HEAD(self) -> None:
        self._take(None)

    def _take(self, body: Any) -> None:
        reply = self.server.local.take(self.path, dict(self.headers.items()), body, self.command)
        self.close_connection = True
        if reply.silent:
            self.server.local.closing.wait()
        elif reply.drip:
            self._drip()
        elif reply.raw is not None:
            self.wfile.write(reply.raw)
        else:
            self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.local.closing.wait(0.05):
            try:
                self.wfile.write(b"x")
            except OSError:
                return

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, local: Local, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.local = local
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        """Tests disconnect clients on purpose."""


@contextmanager
def receiving(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Local]:
    """One that listens until left."""
    local = Local()
    with _Server(local, port, tls) as server:
        local.url = f"{'https' if tls else 'http'}://{LOOPBACK}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="receiver")
        thread.start()
        try:
            yield local
        finally:
            local.closing.set()
            server.shutdown()
            thread.join()
