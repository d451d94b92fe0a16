"""Rate limit, authentication, request bodies and headers of every response."""

import asyncio

import psutil
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.core.types import Secret
from exporter.web.config.file import RateLimit, WebConfig
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


def respond(app: ASGIApp, config: WebConfig, *passwords: str) -> list[list[Message]]:
    """The messages of the responses to simultaneous requests of alice."""
    middleware = RequestMiddleware(app, lambda: config)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def one(password: str) -> list[Message]:
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        headers = [(b"authorization", basic("alice", password).encode())]
        await middleware({"type": "http", "method": "GET", "path": "/", "headers": headers}, receive, send)
        return messages

    async def all_of_them() -> list[list[Message]]:
        return await asyncio.gather(*map(one, passwords))

    return asyncio.run(all_of_them())


def test_too_many_simultaneous_logins_get_status_503():
    """With the time to wait, so that a scraper tries again."""
    users = {"alice": Secret(hashed(PASSWORD))}
    responses = respond(PlainTextResponse("x"), WebConfig(users=users), *map(str, range(20)))
    assert sorted(response[0]["status"] for response in responses) == [401] * 16 + [503] * 4
    refused = [dict(response[0]["headers"]) for response in responses if response[0]["status"] == 503]
    assert [headers[b"retry-after"] for headers in refused] == [b"1"] * 4


def test_an_error_after_the_start_of_a_response_sends_no_second_one():
    async def broken(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        raise ZeroDivisionError

    (messages,) = respond(broken, WebConfig(), "")
    assert [message["type"] for message in messages] == ["http.response.start"]


def test_headers_are_added_once():
    """To the start of a response, not to its body."""
    (messages,) = respond(PlainTextResponse("x"), WebConfig(headers=(("X-Frame-Options", "sameorigin"),)), "")
    names = [name for name, _ in messages[0]["headers"]]
    assert len(names) == len(set(names))
    assert "headers" not in messages[1]
