"""Measures scrape latency: clients that scrape again as soon as they have a response, on keep-alive connections.

One thread and one selector serve all clients, so that the measurement itself costs little. It runs as a process of its
own: `python -m benchmarks.load PORT REQUESTS SECONDS CLIENTS...` prints a `LatencyResult` for each number of clients.
"""

import gc
import json
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from benchmarks.scrape import HEADERS
from exporter.lab.ports import LOOPBACK

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_WARM_UP: Final = 20  # requests per client before the measurement
_RECEIVE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """Latencies in seconds over `requests` responses, and responses per second."""

    clients: int
    requests: int
    p50: float
    p99: float
    per_second: float


def measure(port: int, clients: Sequence[int], requests: int, seconds: float) -> list[LatencyResult]:
    """Measures in a process of its own. Raises: CalledProcessError when a response has another status than 200."""
    command = [sys.executable, "-m", "benchmarks.load", *map(str, (port, requests, seconds, *clients))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    return [LatencyResult(**each) for each in json.loads(done.stdout)]


def medians(rounds: Sequence[Sequence[LatencyResult]]) -> list[LatencyResult]:
    """The median of each value over several rounds, for each number of clients."""
    return [
        LatencyResult(
            clients=several[0].clients,
            requests=sum(each.requests for each in several),
            p50=median(each.p50 for each in several),
            p99=median(each.p99 for each in several),
            per_second=median(each.per_second for each in several),
        )
        for several in zip(*rounds, strict=True)
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that a ratio `share` of the values does not exceed. Raises: ValueError without values."""
    if not values:
        raise ValueError("no values, so no percentile")
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def is_whole(answer: bytes | bytearray) -> bool:
    """Whether this is a complete HTTP response. Raises: ValueError when it has neither length nor chunks."""
    head, separator, body = bytes(answer).partition(b"\r\n\r\n")
    if not separator:
        return False
    if length := _LENGTH.search(head):
        return len(body) >= int(length[1])
    if _CHUNKED.search(head):
        return body.endswith(_LAST_CHUNK) or body == _LAST_CHUNK[2:]
    raise ValueError("the response has neither a length nor chunks")


class _Client:
    """One connection with one request under way."""

    def __init__(self, port: int) -> None:
        self._address = (LOOPBACK, port)
        lines = [f"{name}: {value}" for name, value in {"Host": f"{LOOPBACK}:{port}", **HEADERS}.items()]
        self._request = "\r\n".join(("GET /metrics HTTP/1.1", *lines, "", "")).encode()
        self._answer = bytearray()
        self._sent_at = 0.0
        self.socket = self._connect()

    def send(self) -> None:
        """Sends the next request."""
        self._answer.clear()
        self._sent_at = time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> float | None:
        """Reads available data: the latency when the response is complete. Raises: ConnectionError, ValueError."""
        piece = self.socket.recv(_RECEIVE)
        if not piece:
            raise ConnectionError("the exporter closed a keep-alive connection")
        self._answer += piece
        if not is_whole(self._answer):
            return None
        latency = time.perf_counter() - self._sent_at
        if not self._answer.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"the exporter answered {bytes(self._answer[:40])!r}")
        return latency

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def drive(port: int, clients: int, requests: int, seconds: float) -> LatencyResult:
    """Measures in this thread until `requests` responses or `seconds`."""
    with ExitStack() as stack:
        connections = [_Client(port) for _ in range(clients)]
        selector = stack.enter_context(selectors.DefaultSelector())
        for client in connections:
            stack.enter_context(client.socket)
            selector.register(client.socket, selectors.EVENT_READ, client)
        _collect(selector, connections, _WARM_UP * clients, seconds)
        started = time.perf_counter()
        latencies = _collect(selector, connections, requests, seconds)
        took = time.perf_counter() - started
    return LatencyResult(
        clients, len(latencies), percentile(latencies, 0.5), percentile(latencies, 0.99), len(latencies) / took
    )


def _collect(
    selector: selectors.BaseSelector, connections: Sequence[_Client], requests: int, seconds: float
) -> list[float]:
    """The latencies of so many requests; no response is missing when it returns."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    for client in connections:
        client.send()
    under_way = len(connections)
    while under_way:
        for key, _ in selector.select():
            asker: _Client = key.data
            latency = asker.receive()
            if latency is None:
                continue
            latencies.append(latency)
            under_way -= 1
            if len(latencies) + under_way < requests and time.perf_counter() < until:
                asker.send()
                under_way += 1
    return latencies


if __name__ == "__main__":
    gc.disable()
    _port, _requests, _seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    json.dump([asdict(drive(_port, int(clients), _requests, _seconds)) for clients in sys.argv[4:]], sys.stdout)
