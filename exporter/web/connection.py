"""One client connection: uvicorn's HTTP/1.1 protocol with a deadline for each thing a client may be slow at.

uvicorn bounds how long an idle connection is kept, but not how long a request may take to arrive nor an answer to
be taken. Here each connection is always in one phase, each phase has a deadline, and the phases tell which
connection can best be spared when there are too many.
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
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.web.config import ssl_context
from exporter.web.throttle import Throttle

log = logging.getLogger("exporter.web.server.connection")
log.addFilter(Throttle())

# asyncio gives each TLS connection a read buffer of 256 KB from its first byte on, although a TLS record holds 16 KB
# at most. That would be 64 MB for all that we keep open.
sslproto.SSLProtocol.max_size = 32 * 1024


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one client, and all of them together, may cost. Units: seconds, bytes.

    - `handshake`, `request`: from connecting to TLS, and from there (or from the first byte of a further request) to
      the last byte of its header. Prometheus gives a whole scrape 10 s, its default `scrape_timeout`.
    - `idle`: kept for the next request. Prometheus scrapes once a minute by default and keeps connections longer
      than that, so 75 s (also nginx's default) saves a TLS handshake per scrape.
    - `answer`: until the answer is computed and taken. Long, because a reload may wait for a database.
    - `connections`: a scraper uses one. A stalled TLS connection takes 0.1 MB, and a process is given 1024 file
      descriptors by default.
    - `header`: of one request that is not yet complete, also h11's own default. One that arrives whole in a single
      read is taken; asyncio reads 256 KB at most.
    """

    handshake: float = 10
    request: float = 10
    idle: float = 75
    answer: float = 60
    connections: int = 256
    header: int = 16 * 1024


class ConnectionPhase(IntEnum):
    """What the server waits for; the lower, the sooner a connection is given up for another."""

    REQUEST = 0  # the TLS handshake and the header of a request
    IDLE = 1  # the next request of a client that has had an answer
    ANSWER = 2  # the answer, and that the client takes it


class ClientConnection(H11Protocol):
    """uvicorn's protocol, driven by one more clock. Calls `on_end` once, when the socket is closed."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        limits: ServerLimits,
        allowed_names: frozenset[str],
        on_end: Callable[["ClientConnection"], None],
    ) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.logger = log  # uvicorn warns of every malformed request; ours is throttled
        self.access_log = False
        self._limits = limits
        self._allowed_names = allowed_names
        self._on_end = on_end
        self._connecting: asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.phase = ConnectionPhase.REQUEST
        self.since = self.loop.time()

    def connect(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Start to speak on an accepted socket, which from now on belongs to this connection."""
        timeout = self._limits.handshake if tls else None
        connecting = self.loop.connect_accepted_socket(
            lambda: self, sock, ssl=tls, ssl_handshake_timeout=timeout, ssl_shutdown_timeout=timeout
        )
        self._connecting = self.loop.create_task(connecting)
        self._connecting.add_done_callback(lambda task: self._connected(task, sock))

    def _connected(self, task: "asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]]", sock: socket.socket) -> None:
        if not task.cancelled() and (error := task.exception()):
            # No TLS, no common version, no certificate, gone, too slow: told by strangers, so no more than this.
            log.debug("connection ended before its first request: %s", error)
            error.with_traceback(None)
        # The traceback's frames and the task hold this connection: such cycles would keep large buffers for long.
        self._connecting = None
        if self.transport is None:
            sock.close()
            self._on_end(self)

    def abort(self) -> None:
        """Close at once, whatever is under way; what was not yet sent is lost."""
        if self.transport is not None:
            self.transport.abort()
        elif self._connecting is not None:
            self._connecting.cancel()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base
        """The handshake is done. A client whose certificate names nobody who is allowed is cut off."""
        super().connection_made(transport)
        self._enter(ConnectionPhase.REQUEST)
        names = ssl_context.names(transport.get_extra_info("peercert")) if self._allowed_names else frozenset()
        if self._allowed_names.isdisjoint(names) and self._allowed_names:
            log.warning("client certificate refused: none of its names is in client_allowed_sans")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        super().connection_lost(exc)
        if self._deadline:
            self._deadline.cancel()
        self._on_end(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes came: perhaps a request starts, perhaps one is complete and being answered now."""
        answered = self.cycle
        if self.phase is ConnectionPhase.IDLE:
            self._enter(ConnectionPhase.REQUEST)
        super().data_received(data)
        if self.cycle is not answered:
            self._enter(ConnectionPhase.ANSWER)

    def on_response_complete(self) -> None:
        """An answer is written; the base may by now have started on the next request if that was already there."""
        answered = self.cycle
        super().on_response_complete()
        if self.cycle is not answered:
            self._enter(ConnectionPhase.ANSWER)
        else:
            self._enter(ConnectionPhase.REQUEST if self.conn.trailing_data[0] else ConnectionPhase.IDLE)

    def timeout_keep_alive_handler(self) -> None:
        """Do nothing: the base's clock for idle connections is replaced by ours."""

    def send_400_response(self, msg: str) -> None:
        """Tell the client that this is not HTTP, unless an answer is under way already: then just hang up."""
        try:
            if self.cycle is None or self.cycle.response_complete:
                super().send_400_response(msg)
                return
        except h11.LocalProtocolError:  # h11 has no state left in which to answer
            pass
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a client that asks for WebSocket gets plain HTTP."""

    def _enter(self, phase: ConnectionPhase) -> None:
        self.phase, self.since = phase, self.loop.time()
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self._timeout(phase), self.abort)

    def _timeout(self, phase: ConnectionPhase) -> float:
        limits = self._limits
        return {
            ConnectionPhase.REQUEST: limits.request,
            ConnectionPhase.IDLE: limits.idle,
            ConnectionPhase.ANSWER: limits.answer,
        }[phase]
