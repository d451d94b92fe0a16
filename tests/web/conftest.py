"""Fixtures of the web server's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from exporter.web.server import WebServer
from tests import webtools
from tests.web.clients import Client
from tests.web.passwords import PASSWORD, hashed
from tests.web.tls_server import TlsServer


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a running server."""
    with WebServer(webtools.site(), "127.0.0.1:0") as server:
        yield server.url


@pytest.fixture(autouse=True)
def close_clients() -> Iterator[None]:
    """Closes the raw connections of a test."""
    yield
    while Client.made:
        Client.made.pop().socket.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A web configuration file with one user."""
    path = tmp_path / "web.yml"
    path.write_text(f"basic_auth_users:\n  alice: {hashed(PASSWORD)}\n")
    return path


@pytest.fixture
def tls_server(tmp_path: Path) -> TlsServer:
    """A directory with a CA and a certificate for `localhost`."""
    made = TlsServer(tmp_path, trustme.CA(), tmp_path / "web.yml")
    made.ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    made.issue("server", "localhost", "127.0.0.1")
    return made
