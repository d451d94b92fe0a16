"""The modes of the proxy that other tests use."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.proxy import Mode, Proxy


class Echo:
    """A server that sends its input back."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    @staticmethod
    def _serve(client: socket.socket) -> None:
        with client:
            try:
                while chunk := client.recv(1000):
                    client.sendall(chunk)
            except OSError:
                return


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    echo = Echo()
    try:
        with Proxy(echo.port) as proxy:
            yield proxy
    finally:
        echo.close()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), 2)


def ask(client: socket.socket, line: bytes) -> bytes:
    client.sendall(line)
    return client.recv(1000)


def test_pass_forwards_both_ways(proxy):
    """Bytes pass in both directions on two connections at once."""
    with connect(proxy) as one, connect(proxy) as two:
        assert ask(one, b"one") == b"one"
        assert ask(two, b"two") == b"two"
        assert proxy.connections == 2


def test_a_closed_client_is_not_counted(proxy):
    """A connection that its client closed is closed on the server's side and not counted."""
    with connect(proxy) as client:
        ask(client, b"x")
    for _ in range(200):
        if proxy.connections == 0:
            break
        threading.Event().wait(0.01)
    assert proxy.connections == 0


def test_swallow_holds_the_bytes_of_an_established_connection(proxy):
    """Bytes are held, and forwarded after PASS."""
    with connect(proxy) as client:
        ask(client, b"x")
        proxy.set_mode(Mode.SWALLOW)
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(client, b"held")
        proxy.set_mode(Mode.PASS)
        client.settimeout(2)
        assert client.recv(1000) == b"held"


def test_swallow_accepts_new_connections_and_holds_their_bytes(proxy):
    """A new connection is accepted; its bytes are forwarded after PASS."""
    proxy.set_mode(Mode.SWALLOW)
    with connect(proxy) as client:
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(client, b"hello")
        proxy.set_mode(Mode.PASS)
        client.settimeout(2)
        assert client.recv(1000) == b"hello"


def test_a_hundred_swallowed_connections_cost_no_thread(proxy):
    """Connections that their clients closed are not counted and have no thread."""
    proxy.set_mode(Mode.SWALLOW)
    before = threading.active_count()
    for _ in range(100):
        connect(proxy).close()
    for _ in range(200):
        if proxy.connections == 0 and proxy.accepted == 100:
            break
        threading.Event().wait(0.01)
    assert (proxy.accepted, proxy.connections) == (100, 0)
    assert threading.active_count() == before


def test_close_ends_only_new_connections(proxy):
    """An established connection stays open; a new one is closed before a byte is read."""
    with connect(proxy) as old:
        ask(old, b"x")
        proxy.set_mode(Mode.CLOSE)
        assert ask(old, b"still here") == b"still here"
        with connect(proxy) as new, contextlib.suppress(ConnectionResetError):
            assert new.recv(1000) == b""


def test_refuse_does_not_listen_and_pass_listens_again(proxy):
    """The operating system refuses new connections; after PASS the same port accepts them."""
    proxy.set_mode(Mode.REFUSE)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.set_mode(Mode.PASS)
    with connect(proxy) as client:
        assert ask(client, b"x") == b"x"


@pytest.mark.parametrize("mode", [Mode.PASS, Mode.SWALLOW])
def test_drop_connections_closes_established_connections(proxy, mode):
    """The client sees the end of its connection at once, also while nothing is forwarded."""
    with connect(proxy) as client:
        ask(client, b"x")
        proxy.set_mode(mode)
        proxy.drop_connections()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1000) == b""
    assert proxy.connections == 0


def test_a_missing_server_closes_the_client():
    """Without a server behind the proxy, a connection is accepted and closed."""
    with Proxy(upstream_port=1) as proxy, connect(proxy) as client:
        assert client.recv(1000) == b""
