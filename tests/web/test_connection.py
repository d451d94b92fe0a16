"""Slow, greedy and malformed clients: limited in time and memory, without effect on a scrape."""

import contextlib
import gc
import logging
import socket
import time
from asyncio.sslproto import SSLProtocol
from collections import deque

import pytest

from exporter.web.connection import ClientConnection, ServerLimits
from tests.web.clients import PROMPT, STALLS, Client, scrape, serving
from tests.web.tls_server import exchange_message
from tests.webtools import get


@pytest.mark.parametrize("words", list(STALLS.values())[:3], ids=list(STALLS)[:3])
def test_a_request_has_a_deadline(words):
    with serving(request=0.3) as server:
        assert Client(server).send(words).read() == b""


def test_dripping_bytes_does_not_extend_the_deadline():
    with serving(request=0.3) as server:
        client, began = Client(server).send(b"GET / HTTP/1.1\r\n"), time.monotonic()
        while client.is_open() and time.monotonic() - began < 5:
            client.send(b"X-Drip: 1\r\n")
            time.sleep(0.05)
        assert 0.2 < time.monotonic() - began < 4


def test_the_second_request_has_a_deadline_too():
    with serving(request=0.3, idle=60) as server:
        client = Client(server).send(STALLS["idle after a response"])
        assert client.read_response().startswith(b"HTTP/1.1 200 ")
        assert client.send(b"GET /met").read() == b""


@pytest.mark.parametrize("beginning", [b"G", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_pipelined_request_that_is_incomplete_has_the_deadline_of_a_request(beginning):
    """Its beginning arrives in the same data as a complete request, and no data arrives afterwards."""
    with serving(request=0.3, idle=60) as server:
        answers = Client(server).send(STALLS["idle after a response"] * 2 + beginning).read()
        assert answers.count(b"HTTP/1.1 200 ") == 2


def test_a_pipelined_request_may_arrive_in_parts():
    with serving(request=60, idle=0.3) as server:
        first, rest = STALLS["idle after a response"][:20], STALLS["idle after a response"][20:]
        client = Client(server).send(STALLS["idle after a response"] + first)
        assert client.read_response().startswith(b"HTTP/1.1 200 ")
        time.sleep(0.5)
        assert client.send(rest).read_response().startswith(b"HTTP/1.1 200 ")


def test_idle_connections_end():
    with serving(idle=0.3, request=60) as server:
        assert Client(server).send(STALLS["idle after a response"]).read().startswith(b"HTTP/1.1 200 ")


def test_an_idle_connection_serves_the_next_scrape():
    with serving() as server:
        client = Client(server)
        for _ in range(3):
            client.send(STALLS["idle after a response"])
            assert client.read_response().startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_read_responses_is_disconnected():
    """With pipelined requests the server stops when its buffers are full, until the deadline."""
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(answer=0.5) as server:
        client = Client(server)
        client.socket.settimeout(1)
        with contextlib.suppress(TimeoutError):
            client.send(request * 20_000)
        assert scrape(server) < PROMPT
        assert is_disconnected_within(15, client)


def is_disconnected_within(seconds: float, client: Client) -> bool:
    """Without reading, which would empty the buffers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)
        try:
            client.socket.send(b"x", socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        except ConnectionError:
            return True
    return False


def test_pipelined_requests_are_answered_in_order():
    request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(idle=0.3) as server:
        assert Client(server).send(request * 50).read().count(b"HTTP/1.1 200 ") == 50


def test_huge_headers_are_refused():
    with serving() as server:
        answer = Client(server).send(b"GET / HTTP/1.1\r\nX-Big: " + b"a" * 1_000_000).read()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
        assert get(f"{server.url}/metrics", headers={"X-Big": "a" * 10_000}).status_code == 200


MALFORMED = [
    b"\x00\xff\xfe\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",  # no Host
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n",
    b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n\x00\x00garbage\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nGET",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /" + b"%" * 100 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
]


def test_malformed_requests_are_logged_once_a_minute(caplog):
    """Each message at most, and without a traceback."""
    caplog.set_level(logging.INFO)
    with serving(request=0.3, idle=0.3) as server:
        for words in MALFORMED * 20:
            client = Client(server).send(words)
            client.socket.close()
        answers = [Client(server).send(words).read() for words in MALFORMED]
        assert scrape(server) < PROMPT
    assert all(answer == b"" or answer.startswith(b"HTTP/1.1 ") for answer in answers)
    assert len([record for record in caplog.records if record.name.startswith(("exporter", "asyncio"))]) < 5
    assert not [record for record in caplog.records if record.exc_info]


def test_a_scrape_is_not_logged(caplog):
    caplog.set_level(logging.INFO)
    with serving() as server:
        caplog.clear()
        scrape(server)
        assert [record.getMessage() for record in caplog.records if record.name != "urllib3.connectionpool"] == []


def test_half_open_handshakes_end_and_delay_no_other_client(tls_server):
    with tls_server.serving(limits=ServerLimits(handshake=0.3)) as port:
        stalled = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(100)]
        for client in stalled[::2]:
            client.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        assert exchange_message(port, tls_server.client()).answer.startswith(b"HTTP/1.1 200 ")
        assert {client.recv(1) for client in stalled} == {b""}
    for client in stalled:
        client.close()


def stall_handshakes(port: int, number: int) -> None:
    """Half-open handshakes, of which at most 300 at a time stay open on this side."""
    stalled: deque[socket.socket] = deque()
    for _ in range(number):
        stalled.append(socket.create_connection(("127.0.0.1", port), timeout=5))
        stalled[-1].sendall(b"\x16\x03\x01\x02\x00\x01")
        if len(stalled) > 300:
            stalled.popleft().close()
    for client in stalled:
        client.close()


def objects_of(kind: type) -> list[object]:
    """All that are alive, by `type`: `isinstance` asks proxies, as Django has, for a class that they may not know."""
    return [one for one in gc.get_objects() if issubclass(type(one), kind)]


def test_closed_connections_are_freed_at_once(tls_server):
    """Without the garbage collector, which may run minutes later and leaves the memory fragmented."""
    gc.collect()
    gc.disable()
    try:
        with tls_server.serving(limits=ServerLimits(connections=20)) as port:
            stall_handshakes(port, 200)
            for _ in range(30):
                exchange_message(port, tls_server.client())
            alive = len(objects_of(ClientConnection))
    finally:
        gc.enable()
    assert alive <= 20


def test_a_half_open_handshake_takes_little_memory(tls_server):
    """At most 32 KB; asyncio's own size is 256 KB each."""
    with tls_server.serving() as port:
        stalled = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(50)]
        exchange_message(port, tls_server.client())
        buffers = [len(vars(one)["_ssl_buffer"]) for one in objects_of(SSLProtocol)]
    assert len(buffers) >= 50
    assert max(buffers) <= 32 * 1024
    for client in stalled:
        client.close()


def test_a_request_that_follows_in_parts():
    """It begins in the data of the request before, and ends later: both are answered."""
    request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving() as server:
        client = Client(server).send(request + request[:10])
        assert client.read_response().startswith(b"HTTP/1.1 200 ")
        assert client.send(request[10:]).read_response().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /-/healthy HTTP/1.0\r\n\r\n",
        b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
def test_the_connection_ends_after_the_response_if_the_client_asks(head):
    with serving() as server:
        answer = Client(server).send(head).read()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nhealthy\n")


def test_an_offer_of_another_protocol_is_ignored():
    """As curl offers HTTP/2: the response is HTTP/1.1, and the connection goes on."""
    offer = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with serving() as server:
        client = Client(server).send(offer)
        assert client.read_response().startswith(b"HTTP/1.1 200 ")
        assert client.send(STALLS["idle after a response"]).read_response().startswith(b"HTTP/1.1 200 ")
