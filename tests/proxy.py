"""A TCP proxy in front of a server, with which tests interrupt connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from enum import Enum
from types import TracebackType
from typing import Any, Self, TypeVar

from exporter.lab.ports import LOOPBACK, free_port

_TIMEOUT = 5.0  # seconds for the proxy's thread to execute a call
_Answer = TypeVar("_Answer")


class Mode(Enum):
    """How the proxy treats bytes and new connections."""

    PASS = "pass"  # forwards
    SWALLOW = "swallow"  # accepts and forwards nothing, also on established connections; PASS forwards held data
    CLOSE = "close"  # accepts new connections and closes them at once
    REFUSE = "refuse"  # does not listen: new connections get ECONNREFUSED


class Proxy:
    """Forwards 127.0.0.1:`port` to a server on 127.0.0.1; a context manager.

    A change of mode leaves established connections open; `drop_connections` closes them. The proxy has one thread for
    all connections, so that a test may count threads. `delay`: seconds that bytes take in each direction.
    """

    def __init__(self, upstream_port: int, delay: float = 0.0) -> None:
        self.port = free_port()
        self.delay = delay
        self.accepted = 0
        self._upstream_port = upstream_port
        self._mode = Mode.PASS
        self._clients: set[_End] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy")

    @property
    def mode(self) -> Mode:
        """The present mode."""
        return self._mode

    @property
    def is_running(self) -> bool:
        """Whether its block has begun and not ended."""
        return self._thread.is_alive()

    @property
    def connections(self) -> int:
        """The number of connected clients, with those whose bytes are held."""
        return self._call(self._count)

    def set_mode(self, mode: Mode) -> None:
        """Changes the mode; in force when this returns."""
        self._call(self._change, mode)

    def drop_connections(self) -> None:
        """Closes every connection on both sides; the mode stays."""
        self._call(self._drop_all)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._change, Mode.REFUSE)
        self._call(self._drop_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT)
        self._loop.close()

    def _call(self, work: Callable[..., Coroutine[Any, Any, _Answer]], *arguments: object) -> _Answer:
        return asyncio.run_coroutine_threadsafe(work(*arguments), self._loop).result(_TIMEOUT)

    # The following methods run in the proxy's thread.

    async def _listen(self) -> None:
        self._listener = await self._loop.create_server(lambda: _End(self), LOOPBACK, self.port)

    async def _count(self) -> int:
        return len(self._clients)

    async def _change(self, mode: Mode) -> None:
        self._mode = mode
        if mode is Mode.REFUSE and self._listener is not None:
            self._listener.close()
            self._listener = None
        elif mode is not Mode.REFUSE and self._listener is None:
            await self._listen()
        if self.is_forwarding:
            for client in list(self._clients):
                self.resume(client)

    async def _drop_all(self) -> None:
        for task in self._connecting:
            task.cancel()
        for client in list(self._clients):
            for end in (client, client.peer):
                if end is not None and end.transport is not None:
                    end.transport.abort()
            self._clients.discard(client)
        await asyncio.sleep(0)  # the transports are closed in the loop's next iteration

    @property
    def is_forwarding(self) -> bool:
        """Whether bytes are forwarded."""
        return self._mode is not Mode.SWALLOW

    def client_connected(self, client: _End) -> None:
        """A client has connected."""
        self.accepted += 1
        if self._mode is Mode.CLOSE and client.transport is not None:
            client.transport.abort()
            return
        self._clients.add(client)
        if self.is_forwarding:
            self.resume(client)

    def resume(self, client: _End) -> None:
        """Connects a waiting client to the server, or forwards the bytes that were held."""
        if client.peer is not None:
            client.forward()
            client.peer.forward()
        elif client.gone:
            self._clients.discard(client)
        else:
            task = self._loop.create_task(self._connect(client))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self, client: _End) -> None:
        server = _End(self, client)
        client.peer = server
        try:
            await self._loop.create_connection(lambda: server, LOOPBACK, self._upstream_port)
        except OSError:
            client.close_after_write()
        client.forward()

    def side_closed(self, end: _End) -> None:
        """One side has closed. While nothing is forwarded the other side does not learn of it."""
        if end in self._clients and (end.peer is None or self.is_forwarding):
            self._clients.discard(end)


class _End(asyncio.Protocol):
    """One side of a connection, with the bytes that are not forwarded yet."""

    def __init__(self, proxy: Proxy, peer: _End | None = None) -> None:
        self.peer = peer
        self.transport: asyncio.Transport | None = None
        self.gone = False
        self._is_client = peer is None
        self._held = bytearray()
        self._proxy = proxy

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._is_client:
            self._proxy.client_connected(self)

    def data_received(self, data: bytes) -> None:
        if self._proxy.delay:
            asyncio.get_running_loop().call_later(self._proxy.delay, self._arrive, data)
        else:
            self._arrive(data)

    def _arrive(self, data: bytes) -> None:
        self._held += data
        self.forward()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name and order
        self.gone = True
        self.forward()
        self._proxy.side_closed(self)

    def forward(self) -> None:
        """Forwards the held bytes and then the end of the stream to the peer, unless the mode forbids it."""
        if not self._proxy.is_forwarding or self.peer is None or self.peer.transport is None:
            return
        if self._held:
            self.peer.transport.write(bytes(self._held))
            self._held.clear()
        if self.gone:
            self.peer.close_after_write()

    def close_after_write(self) -> None:
        """Closes this side after its outgoing bytes are sent."""
        if self.transport is not None:
            self.transport.close()
