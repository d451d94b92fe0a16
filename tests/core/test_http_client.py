"""Requests over connections that can be aborted, without the habits of a browser."""

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests
import urllib3

from exporter.core.abortable import AbortableConnections
from exporter.core.http_client import AbortableAdapter, causes, tls_context
from exporter.core.types import Certificates


class HelloHandler(http.server.BaseHTTPRequestHandler):
    """Answers every GET, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), HelloHandler) as running:
        running.daemon_threads = True
        running.block_on_close = False
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def get(url: str) -> requests.PreparedRequest:
    return requests.Request("GET", url).prepare()


def test_no_tls_context_without_https():
    """Reading the well-known authorities takes time, and plain addresses need none."""
    assert tls_context(["http://localhost:1/", "HTTP://x/"], None) is None
    assert tls_context([], Certificates("not read")) is None


@pytest.mark.parametrize("url", ["https://example.org/", "HTTPS://example.org/"])
def test_tls_context_verifies_servers(url):
    """By the well-known authorities when none are given."""
    context = tls_context(["http://localhost/", url], None)
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.cert_store_stats()["x509_ca"] > 50


def test_connection_is_kept_for_the_next_request(server):
    """Two requests to one host take one connection; the body is as it was sent."""
    with closing(AbortableConnections()) as connections, closing(AbortableAdapter(connections)) as adapter:
        for _ in range(2):
            with closing(adapter.open(get(server), 5.0)) as response:
                assert response.read() == b"hello"
        assert len(connections._sockets) == 1


def test_abort_ends_a_request(server):
    """Another thread aborts: the request fails now, not at its timeout of 60 s."""
    connections = AbortableConnections()
    with closing(connections), closing(AbortableAdapter(connections)) as adapter:
        connections.abort()
        with pytest.raises(urllib3.exceptions.HTTPError):
            adapter.open(get(server), 60.0)


def test_proxies_of_the_environment_are_not_used(server, monkeypatch):
    """Nothing listens at the proxy, and the request succeeds."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with (
        closing(AbortableConnections()) as connections,
        closing(AbortableAdapter(connections)) as adapter,
        closing(adapter.open(get(server), 5.0)) as response,
    ):
        assert response.status == 200


def test_causes_go_from_an_error_to_the_innermost():
    """Explicit and implicit causes alike."""
    inner, middle, outer = OSError("inner"), ValueError("middle"), RuntimeError("outer")
    middle.__context__ = inner
    outer.__cause__ = middle
    assert list(causes(outer)) == [outer, middle, inner]
    assert list(causes(None)) == []


def test_timeout_is_in_seconds():
    """A request to a server that accepts and never answers ends at the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent, closing(AbortableConnections()) as connections:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with closing(AbortableAdapter(connections)) as adapter, pytest.raises(urllib3.exceptions.ReadTimeoutError):
            adapter.open(get(url), 0.05)
