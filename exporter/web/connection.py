"""One client connection: HTTP/1.1 by h11, with a deadline for each phase of a request.

Each connection is always in one phase, each phase has a deadline, and the phase decides which connection is closed
first when there are too many. Requests of one connection are answered one after the other; while one is, nothing more
is read.
"""

import asyncio
import logging
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

import h11

from exporter.web.config.ssl_context import certificate_names
from exporter.web.messages import Handler, Request, Response, text
from exporter.web.throttle import Throttle

log = logging.getLogger("exporter.web.connection")
log.addFilter(Throttle())

# asyncio allocates a read buffer of 256 KB for each TLS connection, although a TLS record holds 16 KB at most: 64 MB
# for the 256 connections of `ServerLimits`. No public API sets it; tests/web/test_server_tls.py checks the effect.
sslproto.SSLProtocol.max_size = 32 * 1024


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


class ClientConnection(asyncio.Protocol):
    """One connection, from the accepted socket to its end. Calls `on_end` once, when the socket is closed."""

    def __init__(
        self,
        handler: Handler,
        limits: ServerLimits,
        allowed_names: frozenset[str],
        on_end: Callable[["ClientConnection"], None],
    ) -> None:
        self._handler = handler
        self._limits = limits
        self._allowed_names = allowed_names
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.SERVER, limits.header)
        self._transport: asyncio.Transport  # once `_is_made`
        self._is_made = False
        self._connecting: asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_full = False  # the client does not read what was written
        self._is_last = False  # close after the response
        self.phase = ConnectionPhase.REQUEST
        self.since = self._loop.time()

    def connect(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Serve an accepted socket, which belongs to this connection from now on."""
        timeout = self._limits.handshake if tls else None
        connecting = self._loop.connect_accepted_socket(
            lambda: self, sock, ssl=tls, ssl_handshake_timeout=timeout, ssl_shutdown_timeout=timeout
        )
        self._connecting = self._loop.create_task(connecting)
        self._connecting.add_done_callback(lambda task: self._connected(task, sock))

    def _connected(self, task: "asyncio.Task[tuple[asyncio.Transport, asyncio.Protocol]]", sock: socket.socket) -> None:
        if not task.cancelled() and (error := task.exception()):
            # No TLS, no common version, no certificate, closed, too slow: any client can cause it, so debug only.
            log.debug("connection ended before its first request: %s", error)
            error.with_traceback(None)
        # The traceback's frames and the task hold this connection; such cycles would keep large buffers for minutes.
        self._connecting = None
        if not self._is_made:
            sock.close()
            self._on_end(self)

    def abort(self) -> None:
        """Close at once; data not yet sent is lost."""
        if self._is_made:
            self._transport.abort()
        elif self._connecting is not None:
            self._connecting.cancel()

    def close_after_response(self) -> None:
        """Close once the response under way is written."""
        self._is_last = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is done. Closes the connection when no name of the client's certificate is allowed."""
        self._transport, self._is_made = cast("asyncio.Transport", transport), True
        self._enter(ConnectionPhase.REQUEST)
        if not self._allowed_names:
            return
        if self._allowed_names.isdisjoint(certificate_names(transport.get_extra_info("peercert"))):
            log.warning("client certificate refused: none of its names is in client_allowed_sans")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The socket is closed."""
        if self._deadline:
            self._deadline.cancel()
        self._on_end(self)

    def data_received(self, data: bytes) -> None:
        """Data of a request."""
        self._http.receive_data(data)
        if self.phase is ConnectionPhase.IDLE:
            self._enter(ConnectionPhase.REQUEST)
        if self.phase is ConnectionPhase.REQUEST:  # asyncio may have had more data before reading was paused
            self._read_request()

    def pause_writing(self) -> None:
        """The client reads slowly: the response stays under way until it has read."""
        self._is_full = True

    def resume_writing(self) -> None:
        """The client has read."""
        self._is_full = False
        if self._answering is None and self.phase is ConnectionPhase.ANSWER:
            self._await_request()

    def _read_request(self) -> None:
        """Begin to answer a request whose header is complete."""
        try:
            event = self._http.next_event()
            if not isinstance(event, h11.Request):
                return
            self._http.next_event()  # the end of a request without a body
        except h11.RemoteProtocolError:
            log.warning("invalid request")
            self._is_last = True
            self._send(text("invalid HTTP request\n", HTTPStatus.BAD_REQUEST))
            return
        self._enter(ConnectionPhase.ANSWER)
        self._transport.pause_reading()
        self._answering = self._loop.create_task(self._answer(_request(event)))

    async def _answer(self, request: Request) -> None:
        response = await self._handler(request)
        self._answering = None
        if not self._transport.is_closing():
            self._send(response, with_body=request.method != "HEAD")

    def _send(self, response: Response, *, with_body: bool = True) -> None:
        headers = [*response.headers.items(), ("Content-Length", str(len(response.body)))]
        # A body would have to be read first and may never end, so nothing can follow it.
        if self._is_last or self._http.their_state is h11.SEND_BODY:
            headers.append(("Connection", "close"))
        reason = HTTPStatus(response.status).phrase
        events = (
            h11.Response(status_code=response.status, headers=headers, reason=reason),
            h11.Data(data=response.body if with_body else b""),
            h11.EndOfMessage(),
        )
        self._transport.write(b"".join(self._http.send(event) or b"" for event in events))
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
        elif not self._is_full:
            self._await_request()

    def _await_request(self) -> None:
        self._http.start_next_cycle()
        self._transport.resume_reading()
        if self._http.trailing_data[0]:  # of a client that does not wait for responses
            self._enter(ConnectionPhase.REQUEST)
            self._read_request()
        else:
            self._enter(ConnectionPhase.IDLE)

    def _enter(self, phase: ConnectionPhase) -> None:
        self.phase, self.since = phase, self._loop.time()
        if self._deadline:
            self._deadline.cancel()
        limits = self._limits
        seconds = (limits.request, limits.idle, limits.answer)[phase]
        self._deadline = self._loop.call_later(seconds, self.abort)


def _request(event: h11.Request) -> Request:
    path, _, query = event.target.partition(b"?")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
    return Request(event.method.decode("ascii"), unquote(path.decode("ascii")), query.decode("ascii"), headers)
