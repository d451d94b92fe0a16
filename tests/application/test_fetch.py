"""One GET: its headers, its redirects, its limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from exporter.application.fetch import HttpAnswer, HttpRequest, fetch
from exporter.core.abortable import AbortableConnections
from exporter.core.errors import BadPayload, BadStatus, SampleError, TooSlow, Unreachable
from exporter.core.http_client import AbortableAdapter
from exporter.core.types import Secret
from tests.collectors.hostile import Behaviour, HostileServer, gzipped, head, raw, redirect, reset, respond, silence

TIME_LIMIT = 5.0


@contextmanager
def serving(**behaviours: Behaviour) -> Iterator[HostileServer]:
    with HostileServer({f"/{path}": behaviour for path, behaviour in behaviours.items()}) as server:
        yield server


def get(server: HostileServer, path: str = "a", timeout: float = TIME_LIMIT, max_bytes: int = 100) -> HttpAnswer:
    request = HttpRequest(f"{server.origin}/{path}", Secret("t0ken"), timeout, max_bytes)
    with closing(AbortableConnections()) as connections, closing(AbortableAdapter(connections)) as adapter:
        return fetch(request, adapter)


def test_any_status_that_is_no_redirect_is_an_answer():
    """The request asks for JSON, uncompressed, with the token."""
    with serving(a=respond(b"no", "500 Internal Server Error")) as server:
        assert get(server) == HttpAnswer(500, b"no")
        (request,) = server.requests
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /a HTTP/1.1"
    assert {"Accept: application/json", "Accept-Encoding: identity", "Authorization: Bearer t0ken"} <= set(lines)
    assert "User-Agent: outbox-exporter" in lines


def test_two_redirects_within_the_origin_are_followed():
    """A third one is not."""
    with serving(a=redirect("/b"), b=redirect("/c"), c=respond(b"here"), d=redirect("/a")) as server:
        assert get(server) == HttpAnswer(200, b"here")
        with pytest.raises(BadStatus, match="more than 2 redirects"):
            get(server, "d")


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/", "https://localhost/", "", "http://["])
def test_a_redirect_to_another_origin_is_not_followed(location):
    """So the token goes nowhere else."""
    with serving(a=redirect(location)) as server, pytest.raises(BadStatus, match="away from its own origin"):
        get(server)


@pytest.mark.parametrize(("size", "compressed"), [(100, False), (100, True), (101, False), (101, True)])
def test_the_body_is_limited_as_decoded(size, compressed):
    """At the limit it is taken."""
    content = b"x" * size
    behaviour = respond(gzipped(content), content_encoding="gzip") if compressed else respond(content)
    with serving(a=behaviour) as server:
        if size <= 100:
            assert get(server).body == content
        else:
            with pytest.raises(BadPayload, match=r"larger than application.max_bytes = 100"):
                get(server)


@pytest.mark.parametrize(
    ("behaviour", "error", "text"),
    [
        (respond(b"x", content_encoding="br"), BadPayload, "Content-Encoding that was not asked for"),
        (respond(b"no gzip", content_encoding="gzip"), BadPayload, "not the gzip that it claims to be"),
        (respond(gzipped(b"x")[:-1], content_encoding="gzip"), BadPayload, "the gzip stream is cut short"),
        (raw(head(content_length=50), b"short"), Unreachable, "the connection ended in the middle of the answer"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), BadStatus, "no exchange in HTTP possible"),
        (reset(), Unreachable, "Connection reset by peer"),
    ],
)
def test_every_failure_has_one_cause(behaviour, error, text):
    """The system's message, without addresses."""
    with serving(a=behaviour) as server, pytest.raises(error, match=text) as failed:
        get(server)
    assert "0x" not in str(failed.value)
    assert str(server.port) not in str(failed.value)


def test_a_server_that_does_not_answer_is_too_slow():
    """After the timeout of each wait."""
    with serving(a=silence) as server, pytest.raises(TooSlow, match="no answer in time"):
        get(server, timeout=0.1)


def test_connection_refused_is_unreachable():
    """A sample fails, and no other error comes out."""
    with serving() as server:
        pass
    with pytest.raises(SampleError, match="Connection refused"):
        get(server)
