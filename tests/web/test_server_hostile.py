"""Slow, greedy and malformed clients: bounded in time and memory, and Prometheus does not notice them."""

import contextlib
import logging
import socket
import time
from collections.abc import Iterator
from typing import ClassVar

import psutil
import pytest

from exporter.web.server import ServerLimits, WebServer
from exporter.web.throttle import Throttle
from tests import webtools
from tests.webtools import get

# A real scrape allows 10 s; on a busy machine with two cores, this still tells a queue from none.
PROMPT = 2.0


class Client:
    """A bare connection that says what it is told to say. Closed when its test ends."""

    made: ClassVar[list["Client"]] = []

    def __init__(self, server: WebServer) -> None:
        host, _, port = server.address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.made.append(self)

    def say(self, data: bytes) -> "Client":
        """Send all of it, or as much as the server takes before it hangs up."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)
        return self

    def hear(self) -> bytes:
        """Everything until the server closes. Raises: TimeoutError when it has not after 5 s."""
        heard = b""
        with contextlib.suppress(ConnectionError):
            while data := self.socket.recv(65536):
                heard += data
        return heard

    def hear_answer(self) -> bytes:
        """One answer of /-/healthy, or what came before the server closed."""
        heard = b""
        while not heard.endswith(b"healthy\n") and (data := self.socket.recv(65536)):
            heard += data
        return heard

    def is_open(self) -> bool:
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.socket.settimeout(5)


@pytest.fixture(autouse=True)
def close_clients() -> Iterator[None]:
    yield
    while Client.made:
        Client.made.pop().socket.close()


def crowd(server: WebServer, number: int, words: bytes) -> list[Client]:
    return [Client(server).say(words) for _ in range(number)]


@contextlib.contextmanager
def serving(**limits: float) -> Iterator[WebServer]:
    with WebServer(webtools.site(), "127.0.0.1:0", limits=ServerLimits(**limits)) as server:  # type: ignore[arg-type] # connections and header are given as int
        yield server


def scrape(server: WebServer) -> float:
    """Seconds for a scrape on a new connection."""
    began = time.monotonic()
    assert get(f"{server.url}/metrics").status_code == 200
    return time.monotonic() - began


STALLS = {
    "says nothing": b"",
    "one byte": b"G",
    "half a header": b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "a body that never comes": b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n",
    "idle after an answer": b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("words", STALLS.values(), ids=STALLS.keys())
def test_300_stalled_clients_do_not_delay_a_scrape(words):
    with serving() as server:
        crowd(server, 300, words)
        assert max(scrape(server) for _ in range(5)) < PROMPT


def test_a_crowd_beyond_the_limit_gives_way_to_a_scrape():
    """The longest stalled are closed first; an idle client that had an answer outlives those that never asked."""
    with serving(connections=20) as server:
        scraper = Client(server).say(STALLS["idle after an answer"])
        assert scraper.hear_answer()
        clients = crowd(server, 50, b"GET / HT")
        assert scrape(server) < PROMPT
        assert scraper.is_open()
        still_open = [client.is_open() for client in clients]
        assert not any(still_open[:30])
        assert all(still_open[32:])


@pytest.mark.parametrize("words", list(STALLS.values())[:3], ids=list(STALLS)[:3])
def test_a_request_has_a_deadline(words):
    with serving(request=0.3) as server:
        assert Client(server).say(words).hear() == b""


def test_dripping_bytes_does_not_extend_the_deadline():
    with serving(request=0.3) as server:
        client, began = Client(server).say(b"GET / HTTP/1.1\r\n"), time.monotonic()
        while client.is_open() and time.monotonic() - began < 5:
            client.say(b"X-Drip: 1\r\n")
            time.sleep(0.05)
        assert 0.2 < time.monotonic() - began < 4


def test_the_second_request_has_a_deadline_too():
    with serving(request=0.3, idle=60) as server:
        client = Client(server).say(STALLS["idle after an answer"])
        assert client.hear_answer().startswith(b"HTTP/1.1 200 ")
        assert client.say(b"GET /met").hear() == b""


def test_idle_connections_end():
    with serving(idle=0.3, request=60) as server:
        assert Client(server).say(STALLS["idle after an answer"]).hear().startswith(b"HTTP/1.1 200 ")


def test_an_idle_connection_serves_the_next_scrape():
    with serving() as server:
        client = Client(server)
        for _ in range(3):
            client.say(STALLS["idle after an answer"])
            assert client.hear_answer().startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_take_its_answers_is_cut_off():
    """Pipelined requests whose answers are never read: answering stops when the buffers are full, then time is up."""
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(answer=0.5) as server:
        client = Client(server)
        client.socket.settimeout(1)
        with contextlib.suppress(TimeoutError):
            client.say(request * 20_000)
        assert scrape(server) < PROMPT
        assert is_cut_off_within(15, client)


def is_cut_off_within(seconds: float, client: Client) -> bool:
    """Without reading, which would take the answers after all."""
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


def test_pipelined_requests_are_answered_in_turn():
    request = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(idle=0.3) as server:
        assert Client(server).say(request * 50).hear().count(b"HTTP/1.1 200 ") == 50


def test_huge_headers_are_refused():
    with serving() as server:
        answer = Client(server).say(b"GET / HTTP/1.1\r\nX-Big: " + b"a" * 1_000_000).hear()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
        assert get(f"{server.url}/metrics", headers={"X-Big": "a" * 10_000}).status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    ],
)
def test_bodies_are_refused_unread(head):
    with serving() as server:
        assert Client(server).say(head).hear().startswith(b"HTTP/1.1 413 ")


def test_a_flood_of_body_costs_no_memory():
    process = psutil.Process()
    with serving() as server:
        chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
        before = process.memory_info().rss
        for _ in range(5):
            client = Client(server)
            client.say(b"POST /-/reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(20):
                client.say(chunk)
        assert scrape(server) < PROMPT
        assert process.memory_info().rss - before < 20_000_000


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


def test_malformed_requests_neither_harm_nor_fill_the_log(caplog):
    """Whatever strangers send, the same line comes once a minute at most, and never a traceback."""
    caplog.set_level(logging.INFO)
    with serving(request=0.3, idle=0.3) as server:
        for words in MALFORMED * 20:
            client = Client(server).say(words)
            client.socket.close()
        answers = [Client(server).say(words).hear() for words in MALFORMED]
        assert scrape(server) < PROMPT
    assert all(answer == b"" or answer.startswith(b"HTTP/1.1 ") for answer in answers)
    assert len([record for record in caplog.records if record.name.startswith(("exporter", "uvicorn", "asyncio"))]) < 5
    assert not [record for record in caplog.records if record.exc_info]


def test_a_scrape_is_not_logged(caplog):
    caplog.set_level(logging.INFO)
    with serving() as server:
        caplog.clear()
        scrape(server)
        assert [record.getMessage() for record in caplog.records if record.name != "urllib3.connectionpool"] == []


def test_stopping_is_quick_with_slow_clients_of_every_kind():
    server = WebServer(webtools.site(), "127.0.0.1:0")
    server.start()
    clients = [client for words in STALLS.values() for client in crowd(server, 20, words)]
    scrape(server)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 1
    for client in clients:
        client.hear()


# --- the log's throttle --------------------------------------------------------------------------------------------


def test_the_throttle_lets_one_of_each_kind_pass_and_counts_the_rest():
    now = 0.0
    throttle = Throttle(period=60, clock=lambda: now)

    def passes(template: str, *values: object) -> str | None:
        record = logging.LogRecord("x", logging.WARNING, "x.py", 1, template, values, None)
        return record.getMessage() if throttle.filter(record) else None

    assert passes("bad %s", 1) == "bad 1"
    assert [passes("bad %s", number) for number in range(5)] == [None] * 5
    assert passes("other") == "other"
    now = 60.0
    assert passes("bad %s", 2) == "bad 2 (5 more since the last such message)"
    assert passes("bad %s", 3) is None
