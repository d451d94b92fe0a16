"""Latencies: when a response is complete, and percentiles."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import load
from benchmarks.load import LatencyResult, is_whole, percentile

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED, EMPTY])
def test_a_response_is_complete_at_its_last_byte(answer):
    """Neither length nor chunks are taken for complete before they are."""
    assert is_whole(answer)
    assert not any(is_whole(answer[:size]) for size in range(len(answer)))


def test_a_response_of_unknown_length_is_refused():
    """It would end with the connection, which has to be kept."""
    with pytest.raises(ValueError, match="neither a length nor chunks"):
        is_whole(b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7], 0.99, 7), ([3, 1, 2], 0.5, 2), (range(1, 101), 0.99, 99), (range(1, 101), 0.5, 50), ([1, 2], 0.99, 2)],
)
def test_a_percentile_is_one_of_the_values(values, share, expected):
    """The smallest value that covers the share; no interpolation."""
    assert percentile(values, share) == expected


def test_several_rounds_have_the_median_of_each_value():
    """For each number of clients; the requests of all rounds count."""
    rounds = [
        [LatencyResult(1, 10, 0.1, 0.9, 5.0), LatencyResult(8, 10, 1.0, 1.0, 1.0)],
        [LatencyResult(1, 10, 0.3, 0.2, 6.0), LatencyResult(8, 10, 2.0, 2.0, 2.0)],
        [LatencyResult(1, 10, 0.2, 0.3, 9.0), LatencyResult(8, 10, 3.0, 3.0, 3.0)],
    ]
    assert load.medians(rounds) == [LatencyResult(1, 30, 0.2, 0.3, 6.0), LatencyResult(8, 30, 2.0, 2.0, 2.0)]


def test_no_values_have_no_percentile():
    """Nothing measured is not zero."""
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[int, str | None]] = []  # noqa: RUF012 - one server at a time

    def do_GET(self):
        self.seen.append((self.client_address[1], self.headers["Accept-Encoding"]))
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"up 1")

    def log_message(self, *_):
        pass


def test_clients_keep_their_connections_and_ask_as_prometheus_does():
    """Three clients make three connections for all their requests, take gzip and count every answer."""
    _Answering.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        measured = load.drive(server.server_address[1], clients=3, requests=60, seconds=30)
        server.shutdown()
    assert (measured.clients, measured.requests) == (3, 60)
    assert 0 < measured.p50 <= measured.p99
    assert len({port for port, _ in _Answering.seen}) == 3
    assert {encoding for _, encoding in _Answering.seen} == {"gzip"}
