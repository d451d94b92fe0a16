"""The web server: listens, accepts connections and serves the site in a thread of its own.

h11 speaks HTTP. Each new connection gets the current certificate, a TLS handshake has a deadline, and stalled clients
cannot lock Prometheus out: when `ServerLimits.connections` are open, a new connection replaces the one that is least
needed.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any, Self

from exporter.config.values import split_address
from exporter.core.errors import ConfigError
from exporter.web.address import publish
from exporter.web.config.reloader import NO_WEB_CONFIG, LoadedWebConfig, WebConfigReloader
from exporter.web.connection import ClientConnection, ConnectionPhase, ServerLimits
from exporter.web.connection import log as connection_log
from exporter.web.middleware import RequestMiddleware
from exporter.web.routes import SiteContent, router

__all__ = ["ServerLimits", "SiteContent", "WebServer"]

log = logging.getLogger("exporter.web.server")

_BACKLOG = 1024
# Out of file descriptors or memory: accepting again at once would fail again.
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ACCEPT_RETRY_DELAY = 0.1  # seconds
_HINTS = {
    errno.EADDRINUSE: "; another program listens there",
    errno.EADDRNOTAVAIL: "; this machine has no such address",
    errno.EACCES: "; ports below 1024 take a privilege",
}


class WebServer:
    """Serves a site at an address. Call `start` once and then `stop`, or use it as a context manager.

    Args:
        site: what to serve.
        listen: `host:port`, `[::]:port`, or `:port` for all addresses; port 0 picks a free one.
        config_file: a web configuration file, which is followed while the server runs.
        limits: for clients; the defaults of `ServerLimits` when left out.
    """

    def __init__(
        self, site: SiteContent, listen: str, config_file: Path | None = None, limits: ServerLimits | None = None
    ) -> None:
        self._listen = listen
        self._config_file = config_file
        self._limits = limits or ServerLimits()
        self._reloader: WebConfigReloader | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._grace = 0.0
        self._published: int | None = None
        self.address = ""
        self.url = ""
        # From here on only for the thread that runs the event loop.
        self._open: dict[ClientConnection, None] = {}  # in the order of arrival
        self._handler = RequestMiddleware(router(site), lambda: self._loaded().config)

    def start(self) -> None:
        """Listen and serve; sets `address` (`host:port`) and `url`.

        Raises: ConfigError when the web configuration is bad or the address cannot be bound.
        """
        self._reloader = WebConfigReloader(self._config_file) if self._config_file else None
        scheme = "https" if self._loaded().config.tls else "http"
        listener = bind(self._listen)
        host, port = listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.url = f"{scheme}://{self.address}"
        self._published = publish(self.address)
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(listener),), name="web", daemon=True)
        self._thread.start()
        self._started.wait()
        log.info("listening on %s", self.url)

    def stop(self, timeout: float = 2.0) -> None:
        """Stop listening, wait `timeout` / 2 seconds for responses, then close all connections. Idempotent."""
        if self._thread:
            self._grace = timeout / 2
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(timeout)
        if self._published is not None:
            os.close(self._published)
            self._published = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _loaded(self) -> LoadedWebConfig:
        return self._reloader.current() if self._reloader else NO_WEB_CONFIG

    async def _run(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_log_loop_error)
        self._stopping = asyncio.Event()
        self._all_closed = asyncio.Event()
        self._all_closed.set()
        listener.setblocking(False)
        accepting = self._loop.create_task(self._accept(listener))
        self._started.set()
        await self._stopping.wait()
        accepting.cancel()
        await asyncio.wait([accepting])
        listener.close()
        await self._close_connections()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = await self._loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:  # otherwise the client has closed already
                    connection_log.warning("cannot accept connections: %s", error.strerror)
                    self._evict_connection()
                    await asyncio.sleep(_ACCEPT_RETRY_DELAY)
                continue
            self._open_connection(sock)
            await asyncio.sleep(0)  # a flood of connections must not keep the loop from serving them

    def _open_connection(self, sock: socket.socket) -> None:
        if len(self._open) >= self._limits.connections:
            self._evict_connection()
        loaded = self._loaded()
        sans = loaded.config.tls.allowed_sans if loaded.config.tls else frozenset()
        connection = ClientConnection(self._handler, self._limits, sans, self._discard)
        self._open[connection] = None
        self._all_closed.clear()
        connection.connect(sock, loaded.tls)

    def _evict_connection(self) -> None:
        """Close a connection: one that waits for a request, else an idle one, the one in that phase for longest."""
        evicted = min(self._open, key=lambda connection: (connection.phase, connection.since), default=None)
        if evicted:
            self._discard(evicted)
            evicted.abort()

    def _discard(self, connection: ClientConnection) -> None:
        self._open.pop(connection, None)
        if not self._open:
            self._all_closed.set()

    async def _close_connections(self) -> None:
        for connection in tuple(self._open):
            if connection.phase is ConnectionPhase.ANSWER:
                connection.close_after_response()
            else:
                connection.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_closed.wait(), self._grace)
        for connection in tuple(self._open):
            connection.abort()
        await asyncio.sleep(0)  # transports close their sockets in the next iteration of the loop
        await asyncio.sleep(0)


class AddressInUse(ConfigError):
    """Another program listens on the address already."""


def bind(listen: str) -> socket.socket:
    """A listening socket. `[::]` and an empty host accept IPv4 as well, where the machine can.

    Raises: ConfigError with the address, the reason and a hint; AddressInUse where that is the reason.
    """
    try:
        host, port = split_address(listen)
    except ValueError as error:
        raise ConfigError((f"web.listen: {listen!r}: {error}",)) from error
    try:
        return _listen(host, port)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        hint = _HINTS.get(error.errno or 0, "")
        kind = AddressInUse if error.errno == errno.EADDRINUSE else ConfigError
        raise kind((f"web.listen: cannot listen on {listen}: {reason}{hint}",)) from error


def _listen(host: str, port: int) -> socket.socket:
    dual = host in ("", "::") and socket.has_dualstack_ipv6()
    if host == "":
        host = "::" if dual else "0.0.0.0"  # noqa: S104 - no host means all addresses
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.create_server(
        address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=dual and family == socket.AF_INET6
    )
    # Connections inherit it. Without it, the end of a long response waits until the client acknowledges its beginning,
    # which clients delay by 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _log_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error that asyncio caught outside of any request."""
    connection_log.error("event loop: %s", context.get("message"), exc_info=context.get("exception"))
