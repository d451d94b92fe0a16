"""One client connection: uvicorn's HTTP/1.1 protocol with a deadline for each phase of a request.

uvicorn limits how long an idle connection is kept, but neither how long a request may take to arrive nor how long a
client may take to read the response. Here each connection is always in one phase, each phase has a deadline, and the
phase decides which connection is closed first when there are too many.

Of uvicorn this uses the protocol class, the callbacks of `asyncio.Protocol` that it implements, and five names more:
`conn`, `logger`, `app_state`, `timeout_keep_alive_handler` and `shutdown`. tests/web/test_connection.py checks them, and
pyproject.toml limits the version.
"""

import asyncio
import logging
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import h11
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.web.config.ssl_context import certificate_names
from exporter.web.throttle import Throttle

log = logging.getLogger("exporter.web.connection")
log.addFilter(Throttle())
# uvicorn advises whoever asks for WebSocket to install a library; there is nothing to install here.
log.addFilter(lambda record: "WebSocket" not in str(record.msg))

# asyncio allocates a read buffer of 256 KB for each TLS connection, although a TLS record holds 16 KB at most: 64 MB
# for the 256 connections of `ServerLimits`. No public API sets it; tests/web/test_server_tls.py checks the effect.
sslproto.SSLProtocol.max_size = 32 * 1024
_KEY = "connection"


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Limits for each client and for all of them together.

    Units:
        handshake: seconds from the connection to the end of the TLS handshake.
        request: seconds from there, or from the first byte of a further request, to the last byte of its header.
            Source: Prometheus' default `scrape_timeout` for a whole scrape.
        idle: seconds until the next request. Prometheus scrapes once a minute by default and keeps connections longer
            than that; 75 s (nginx's default) saves a TLS handshake per scrape.
        answer: seconds until the response is computed and written. A reload may wait for a database.
        connections: open at once. A scraper uses one. A stalled TLS connection takes 0.1 MB, and a process may open
            1024 files by default.
        header: bytes of a request header that is not complete yet (h11's default). One that arrives in a single read is
            accepted; asyncio reads 256 KB at most.
    """

    handshake: float = 10
    request: float = 10
    idle: float = 75
    answer: float = 60
    connections: int = 256
    header: int = 16 * 1024


class ConnectionPhase(IntEnum):
    """What the server waits for; the connection with the lowest phase is closed first."""

    REQUEST = 0  # the TLS handshake and the header of a request
    IDLE = 1  # the next request of a client that has had a response
    ANSWER = 2  # the response


class ClientConnection(H11Protocol):
    """One connection, from the accepted socket to its end. Calls `on_end` once, when the socket is closed."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        limits: ServerLimits,
        allowed_names: frozenset[str],
        on_end: Callable[["ClientConnection"], None],
    ) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.logger = log
        self._limits = limits
        self._allowed_names = allowed_names
        self._on_end = on_end
        self._connecting: asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.phase = ConnectionPhase.REQUEST
        self.since = self.loop.time()

    def connect(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Serve an accepted socket, which belongs to this connection from now on."""
        timeout = self._limits.handshake if tls else None
        connecting = self.loop.connect_accepted_socket(
            lambda: self, sock, ssl=tls, ssl_handshake_timeout=timeout, ssl_shutdown_timeout=timeout
        )
        self._connecting = self.loop.create_task(connecting)
        self._connecting.add_done_callback(lambda task: self._connected(task, sock))

    def _connected(self, task: "asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]]", sock: socket.socket) -> None:
        if not task.cancelled() and (error := task.exception()):
            # No TLS, no common version, no certificate, closed, too slow: any client can cause it, so debug only.
            log.debug("connection ended before its first request: %s", error)
            error.with_traceback(None)
        # The traceback's frames and the task hold this connection; such cycles would keep large buffers for minutes.
        self._connecting = None
        if self.transport is None:
            sock.close()
            self._on_end(self)

    def abort(self) -> None:
        """Close at once; data not yet sent is lost."""
        if self.transport is not None:
            self.transport.abort()
        elif self._connecting is not None:
            self._connecting.cancel()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base
        """The handshake is done. Closes the connection when no name of the client's certificate is allowed."""
        super().connection_made(transport)
        self.app_state[_KEY] = self  # uvicorn copies it into the scope of each request, for `run_application`
        self._enter(ConnectionPhase.REQUEST)
        if not self._allowed_names:
            return
        if self._allowed_names.isdisjoint(certificate_names(transport.get_extra_info("peercert"))):
            log.warning("client certificate refused: none of its names is in client_allowed_sans")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        super().connection_lost(exc)
        if self._deadline:
            self._deadline.cancel()
        self.app_state.clear()
        self._on_end(self)

    def data_received(self, data: bytes) -> None:
        """Data of a request; uvicorn calls the application when the header is complete."""
        if self.phase is ConnectionPhase.IDLE:
            self._enter(ConnectionPhase.REQUEST)
        try:
            super().data_received(data)
        except h11.LocalProtocolError:  # malformed data during a response: h11 cannot send status 400 any more
            self.abort()

    def timeout_keep_alive_handler(self) -> None:
        """Do nothing: the deadline of the phase IDLE replaces uvicorn's, which waits for unread responses for ever."""

    async def respond(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for one request, in the phase ANSWER until the last byte of the response is written."""
        self._enter(ConnectionPhase.ANSWER)

        async def send_in_time(message: Message) -> None:
            try:
                await send(message)
            except h11.LocalProtocolError:  # uvicorn has sent status 400 for malformed data in the meantime
                self.abort()
                return
            is_complete = message["type"] == "http.response.body" and not message.get("more_body")
            if is_complete and not self.transport.is_closing():
                next_has_begun = bool(self.conn.trailing_data[0])  # pipelined, in the same data as this request
                self._enter(ConnectionPhase.REQUEST if next_has_begun else ConnectionPhase.IDLE)

        await app(scope, receive, send_in_time)

    def _enter(self, phase: ConnectionPhase) -> None:
        self.phase, self.since = phase, self.loop.time()
        if self._deadline:
            self._deadline.cancel()
        limits = self._limits
        seconds = (limits.request, limits.idle, limits.answer)[phase]
        self._deadline = self.loop.call_later(seconds, self.abort)


def run_application(app: ASGIApp) -> ASGIApp:
    """The same application, which tells the connection of each request when its response begins and ends."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        connection: ClientConnection = scope["state"].pop(_KEY)  # left there it would be part of a reference cycle
        await connection.respond(app, scope, receive, send)

    return run
