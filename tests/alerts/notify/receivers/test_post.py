"""One POST, whatever the other side does; over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
import trustme

from alerts.notify.receivers.post import HttpResponse, Message, NoResponse, post
from exporter.core.abortable import AbortableConnections
from exporter.lab.ports import free_port
from tests.alerts.notify.local import DRIP, HANG_UP, LOOPBACK, NONSENSE, SILENCE, Local, Reply, receiving

SECRET: Final = "tell-nobody"
LONG = 20.0  # seconds that no healthy exchange needs


@pytest.fixture(scope="module")
def shared() -> Iterator[Local]:
    with receiving() as local:
        yield local


@pytest.fixture
def local(shared: Local) -> Local:
    shared.received.clear()
    return shared


def send(url: str, timeout: float = LONG, connections: AbortableConnections | None = None) -> HttpResponse:
    return post(
        Message(f"{url}/{SECRET}", b'{"a": 1}', {"X-Key": SECRET}), timeout, connections or AbortableConnections()
    )


def refused(url: str, timeout: float = LONG, connections: AbortableConnections | None = None) -> str:
    """The reason of a failed request; without URL and secrets."""
    with pytest.raises(NoResponse) as caught:
        send(url, timeout, connections)
    assert SECRET not in str(caught.value)
    assert LOOPBACK not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


def test_the_request(local: Local) -> None:
    """The body as it is, as JSON, with the headers given; on a connection that is closed afterwards."""
    local.answer = lambda _: Reply(202, body=b'{"status": "success"}')
    assert send(local.url) == HttpResponse(202)
    (received,) = local.received
    assert received.path == f"/{SECRET}"
    assert received.body == {"a": 1}
    expected = {"content-type": "application/json", "x-key": SECRET, "connection": "close"}
    assert expected.items() <= received.headers.items()
    assert received.headers["user-agent"] == "outbox-exporter"


def test_why_it_was_refused(local: Local) -> None:
    """A refusal has the beginning of the answer and the time of the next attempt."""
    local.answer = lambda _: Reply(429, {"Retry-After": "7"}, b"slow down" + b"!" * 10_000)
    answer = send(local.url)
    assert (answer.status, answer.retry_after) == (429, "7")
    assert answer.text.startswith("slow down!")
    assert len(answer.text) == 2000


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"\0" * 100),
        Reply(500, {"Content-Length": "1000"}, b"too short"),
        Reply(500, {"Transfer-Encoding": "chunked"}, b"zz\r\nnonsense"),
        Reply(500, body=b"\xff\xfe\x00"),
    ],
    ids=["encoded", "cut short", "bad chunks", "no text"],
)
def test_the_status_counts_whatever_the_body(local: Local, reply: Reply) -> None:
    """A body that cannot be read takes nothing away from the status."""
    local.answer = lambda _: reply
    assert send(local.url).status == 500


def test_no_redirect_is_followed(local: Local) -> None:
    """A redirect is not followed: an alert may contain confidential labels."""
    local.answer = lambda _: Reply(307, {"Location": f"{local.url}/elsewhere"})
    assert send(local.url).status == 307
    assert len(local.received) == 1


def test_connection_refused() -> None:
    """A refused connection is reported with the system's message."""
    assert refused(f"http://{LOOPBACK}:{free_port()}") == "Connection refused"


def test_hangs_up(local: Local) -> None:
    """A connection that ends without an answer."""
    local.answer = lambda _: HANG_UP
    assert refused(local.url) == "the connection ended before the answer"


def test_nonsense(local: Local) -> None:
    """An answer that is not HTTP is an error."""
    local.answer = lambda _: NONSENSE
    assert refused(local.url).startswith("no exchange in HTTP possible")


@pytest.mark.parametrize("reply", [SILENCE, DRIP], ids=["silence", "a byte at a time"])
def test_takes_no_longer_than_it_may(local: Local, reply: Reply) -> None:
    """Neither silence nor an answer that never ends lasts longer than the timeout."""
    local.answer = lambda _: reply
    began = time.monotonic()
    assert refused(local.url, timeout=0.3) in ("no complete answer in time", "no answer in time")
    assert 0.2 < time.monotonic() - began < LONG / 2


def test_can_be_aborted(local: Local) -> None:
    """Another thread may end it at any time."""
    local.answer = lambda _: SILENCE
    connections = AbortableConnections()
    began = time.monotonic()
    threading.Timer(0.1, connections.abort).start()
    assert refused(local.url, connections=connections) == "no complete answer in time"
    assert time.monotonic() - began < LONG / 2


def test_aborted_before_it_starts(local: Local) -> None:
    """A wire that is cut already carries nothing."""
    connections = AbortableConnections()
    connections.abort()
    assert refused(local.url, connections=connections) == "no complete answer in time"


@contextmanager
def tls_untrusted() -> Iterator[int]:
    """A server with a certificate of an unknown authority."""
    authority = trustme.CA()
    certificate = authority.issue_cert(LOOPBACK)
    import ssl  # noqa: PLC0415 - for this one test

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with socket.create_server((LOOPBACK, 0)) as listener:

        def handshake() -> None:
            connection, _ = listener.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

        thread = threading.Thread(target=handshake)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_an_untrusted_certificate() -> None:
    """Nothing is sent to a server without a valid certificate."""
    with tls_untrusted() as port:
        assert "CERTIFICATE_VERIFY_FAILED" in refused(f"https://{LOOPBACK}:{port}")


def test_leaves_nothing_behind(local: Local) -> None:
    """A hundred exchanges, good and bad, leave no thread of ours behind."""
    replies = [Reply(), HANG_UP, NONSENSE, Reply(500, body=b"x")]
    local.answer = lambda _: replies[len(local.received) % len(replies)]
    before = threading.active_count()
    for _ in range(100):
        try:
            send(local.url)
        except NoResponse:
            continue
    deadline = time.monotonic() + LONG
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before
