"""Rate limit, authentication, request bodies and headers of every response."""

import asyncio

import psutil
import pytest

from exporter.core.types import Secret
from exporter.web.config.file import RateLimit, WebConfig
from exporter.web.messages import Handler, Request, Response, text
from exporter.web.middleware import RequestMiddleware, TokenBucket
from exporter.web.server import WebServer
from tests import webtools
from tests.web.clients import PROMPT, Client, scrape, serving
from tests.web.clock import Clock
from tests.web.passwords import PASSWORD, basic, hashed
from tests.webtools import get


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/status", "/-/healthy", "/-/ready", "/nowhere"])
def test_every_path_needs_the_password(config, path):
    with WebServer(webtools.site(), "127.0.0.1:0", config) as server:
        url = f"{server.url}{path}"
        anonymous, wrong = get(url), get(url, auth=("alice", "wrong"))
        alice = get(url, auth=("alice", PASSWORD.encode()))
    assert (anonymous.status_code, wrong.status_code) == (401, 401)
    assert anonymous.headers["WWW-Authenticate"].startswith("Basic ")
    assert "X-Content-Type-Options" in anonymous.headers
    assert alice.status_code == (404 if path == "/nowhere" else 200)


def test_configured_headers_are_set(tmp_path):
    path = tmp_path / "web.yml"
    path.write_text(
        "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n    X-Frame-Options: sameorigin\n"
    )
    with WebServer(webtools.site(), "127.0.0.1:0", path) as server:
        headers = get(f"{server.url}/metrics").headers
    assert headers["Strict-Transport-Security"] == "max-age=60"
    assert headers["X-Frame-Options"] == "sameorigin"


def test_requests_above_the_rate_limit_are_refused(tmp_path):
    path = tmp_path / "web.yml"
    path.write_text("rate_limit:\n  interval: 1h\n  burst: 3\n")
    with WebServer(webtools.site(), "127.0.0.1:0", path) as server:
        codes = [get(f"{server.url}/metrics").status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]


def test_a_token_bucket_refills_up_to_its_burst():
    clock = Clock()
    bucket = TokenBucket(RateLimit(interval=2, burst=2), clock)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    clock.now = 1.9
    assert not bucket.take()
    clock.now = 2.0
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.now = 1000.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    "head",
    [
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_request_bodies_are_refused_without_reading_them(head):
    with serving() as server:
        assert Client(server).send(head).read().startswith(b"HTTP/1.1 413 ")


def test_a_large_request_body_uses_no_memory():
    process = psutil.Process()
    with serving() as server:
        chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
        before = process.memory_info().rss
        for _ in range(5):
            client = Client(server)
            client.send(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(20):
                client.send(chunk)
        assert scrape(server) < PROMPT
        assert process.memory_info().rss - before < 20_000_000


@pytest.mark.parametrize("path", ["/", "/metrics", "/nowhere"])
def test_every_response_has_security_headers_and_no_server_name(url, path):
    headers = get(f"{url}{path}").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Date"].endswith(" GMT")
    assert "Server" not in headers


def test_the_error_of_an_endpoint_is_logged_and_not_shown(caplog):
    def broken() -> dict[str, object]:
        raise RuntimeError("hunter2")

    with WebServer(webtools.site(status=broken), "127.0.0.1:0") as server:
        answer = get(f"{server.url}/api/v1/status")
        assert get(f"{server.url}/metrics").status_code == 200
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "a request failed" in caplog.text


async def answer(_: Request) -> Response:
    return text("x")


def respond(handler: Handler, config: WebConfig, *passwords: str) -> list[Response]:
    """The responses to simultaneous requests of alice."""
    middleware = RequestMiddleware(handler, lambda: config)
    requests = [Request("GET", "/", headers=(("authorization", basic("alice", each)),)) for each in passwords]

    async def all_of_them() -> list[Response]:
        return await asyncio.gather(*map(middleware, requests))

    return asyncio.run(all_of_them())


def test_too_many_simultaneous_logins_get_status_503():
    """With the time to wait, so that a scraper tries again. At this cost the first check outlasts the requests."""
    users = {"alice": Secret(hashed(PASSWORD, 9))}
    responses = respond(answer, WebConfig(users=users), *map(str, range(20)))
    assert sorted(response.status for response in responses) == [401] * 16 + [503] * 4
    refused = [response.headers for response in responses if response.status == 503]
    assert [headers["Retry-After"] for headers in refused] == ["1"] * 4


def test_headers_are_added_once():
    """Whatever the case in which they are configured."""
    (response,) = respond(answer, WebConfig(headers=(("x-frame-options", "sameorigin"),)), "")
    names = [name.lower() for name in response.headers]
    assert len(names) == len(set(names))
    assert response.headers["x-frame-options"] == "sameorigin"
