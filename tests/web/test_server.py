"""Listening, closing connections when there are too many, and stopping."""

import socket
import threading
import time

import psutil
import pytest

from exporter.core.errors import ConfigError
from exporter.web.server import WebServer
from tests import webtools
from tests.web.clients import PROMPT, STALLS, Client, connect_clients, scrape, serving
from tests.webtools import get


@pytest.mark.parametrize(
    ("listen", "reached_at"),
    [
        ("127.0.0.1:0", ["127.0.0.1"]),
        ("localhost:0", ["localhost"]),
        ("[::1]:0", ["[::1]"]),
        ("[::]:0", ["[::1]", "127.0.0.1"]),
        (":0", ["[::1]", "127.0.0.1"]),
    ],
)
def test_addresses(listen, reached_at):
    with WebServer(webtools.site(), listen) as server:
        port = server.address.rpartition(":")[2]
        assert int(port) > 0
        assert [get(f"http://{host}:{port}/-/healthy").status_code for host in reached_at] == [200] * len(reached_at)


@pytest.mark.parametrize("listen", ["9721", "localhost", "localhost:http", "[::1:9721", "1.2.3.4:99999", "x:-1", ""])
def test_an_invalid_address_is_refused(listen):
    with pytest.raises(ConfigError, match=r"^web\.listen: "):
        WebServer(webtools.site(), listen).start()


def test_an_address_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError) as caught:
            WebServer(webtools.site(), address).start()
    assert str(caught.value) == (
        f"web.listen: cannot listen on {address}: Address already in use; another program listens there"
    )


def test_an_address_of_another_machine():
    with pytest.raises(ConfigError, match="this machine has no such address"):
        WebServer(webtools.site(), "192.0.2.1:9721").start()


def test_nothing_is_left_behind():
    process = psutil.Process()
    with WebServer(webtools.site(), "127.0.0.1:0"):
        pass  # imports and caches that stay
    threads, files = threading.active_count(), process.num_fds()
    for _ in range(10):
        server = WebServer(webtools.site(), "127.0.0.1:0")
        server.start()
        address = ("127.0.0.1", int(server.address.rpartition(":")[2]))
        stalled = socket.create_connection(address)
        get(f"{server.url}/metrics")
        server.stop()
        server.stop()
        stalled.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
    assert threading.active_count() == threads
    assert process.num_fds() == files


@pytest.mark.parametrize("words", STALLS.values(), ids=STALLS.keys())
def test_300_stalled_clients_do_not_delay_a_scrape(words):
    with serving() as server:
        connect_clients(server, 300, words)
        assert max(scrape(server) for _ in range(5)) < PROMPT


def test_stalled_connections_are_closed_for_a_scrape():
    """Those that stalled for longest are closed first, and idle connections after those without a request."""
    with serving(connections=20) as server:
        scraper = Client(server).send(STALLS["idle after a response"])
        assert scraper.read_response()
        clients = connect_clients(server, 50, b"GET / HT")
        assert scrape(server) < PROMPT
        assert scraper.is_open()
        still_open = [client.is_open() for client in clients]
        assert not any(still_open[:30])
        assert all(still_open[32:])


def test_slow_clients_do_not_delay_the_stop():
    server = WebServer(webtools.site(), "127.0.0.1:0")
    server.start()
    clients = [client for words in STALLS.values() for client in connect_clients(server, 20, words)]
    scrape(server)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 1
    for client in clients:
        client.read()
