"""The application collector over TLS: trusted certificates, and deadlines."""

import gc
import socket
import ssl
from collections.abc import Iterator

import pytest
import trustme

from exporter.collectors.application import ApplicationCollector
from exporter.config.settings import ApplicationSettings
from exporter.core.errors import Reason
from exporter.core.types import Certificates, Seconds, Url
from tests.collectors.application_helpers import (
    SHORT,
    TIME_LIMIT,
    becomes_true,
    collector,
    collector_threads,
    sockets_to,
    up,
)
from tests.collectors.faulty_responses import FAULTY_RESPONSES
from tests.collectors.hostile import application

# CPython's SSLContext.wrap_socket does not close the new socket when the connection was reset before the handshake:
# a deadline that strikes there, as on a busy machine, leaves it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


@pytest.fixture(autouse=True)
def _unset_here() -> Iterator[None]:
    """So that no other test is affected."""
    yield
    gc.collect()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority) -> ssl.SSLContext:
    """A certificate for loopback."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> Certificates:
    return Certificates(authority.cert_pem.bytes().decode())


def test_https_application(tls, authority):
    """A certificate that can be verified is all it takes."""
    with application(tls=tls) as server:
        outcome = collector(server, authorities=trusting(authority)).collect()
    assert outcome.failures == ()
    assert set(up(outcome).values()) == {1}


@pytest.mark.parametrize("authorities", [None, trusting(trustme.CA())], ids=["the well-known ones", "another one"])
def test_certificate_of_an_unknown_authority(tls, authorities):
    """No request, and no token, goes to a server without a trusted certificate."""
    with application(tls=tls) as server:
        outcome = collector(server, authorities=authorities).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.CONNECTION] * 4
    assert all("certificate verify failed" in failure.message for failure in outcome.failures)
    assert server.requests == []


@pytest.mark.parametrize("name", ["steady drip in the headers", "steady drip in the body", "hang"])
def test_deadline_holds_over_tls(tls, authority, name):
    """The connection is aborted below TLS."""
    with application({"getFSM": FAULTY_RESPONSES[name][0]}, tls) as server:
        outcome = collector(server, SHORT, authorities=trusting(authority)).collect()
        assert [failure.reason for failure in outcome.failures] == [Reason.TIMEOUT]
        assert becomes_true(lambda: not collector_threads())
        assert sockets_to(server) == []


def test_handshake_that_never_ends():
    """A server that accepts and waits has no handshake; one without TLS is a connection failure."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = Url(f"https://127.0.0.1:{listener.getsockname()[1]}/trpc")
        outcome = ApplicationCollector(ApplicationSettings(url, timeout=Seconds(0.3))).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.TIMEOUT] * 4
    with application() as server:
        url = Url(f"https://127.0.0.1:{server.port}/trpc")
        outcome = ApplicationCollector(ApplicationSettings(url, timeout=Seconds(TIME_LIMIT))).collect()
    assert [failure.reason for failure in outcome.failures] == [Reason.CONNECTION] * 4
    assert becomes_true(lambda: not collector_threads())
