"""A receiver of Alertmanager's webhooks on loopback; records each alert with its receiver and its time of arrival."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class ReceivedAlert:
    """One alert in one notification. `at`: time of arrival, Unix seconds."""

    receiver: str
    status: str
    labels: Labels
    annotations: Labels
    at: float

    @property
    def name(self) -> str:
        """The value of label `alertname`."""
        return self.labels["alertname"]

    def has_labels(self, **labels: str) -> bool:
        """Whether it has these labels and values."""
        return labels.items() <= self.labels.items()


@dataclass(slots=True)
class Pager:
    """The received alerts, oldest first."""

    url: str
    _received: list[ReceivedAlert] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, payload: Any, at: float) -> None:
        """Records one notification in Alertmanager's format; `at` in Unix seconds."""
        receiver = payload["receiver"]
        received = [
            ReceivedAlert(receiver, alert["status"], alert["labels"], alert["annotations"], at)
            for alert in payload["alerts"]
        ]
        with self._lock:
            self._received += received

    @property
    def received(self) -> list[ReceivedAlert]:
        """Every received alert, in order of arrival."""
        with self._lock:
            return list(self._received)

    def firing(self, receiver: str | None = None, **labels: str) -> list[ReceivedAlert]:
        """The alerts with these labels that were reported as firing, to `receiver` or to any."""
        return [
            each
            for each in self.received
            if each.status == "firing" and receiver in (None, each.receiver) and each.has_labels(**labels)
        ]

    def resolved(self, **labels: str) -> list[ReceivedAlert]:
        """The alerts with these labels that were reported as resolved."""
        return [each for each in self.received if each.status == "resolved" and each.has_labels(**labels)]


@contextmanager
def run_pager() -> Iterator[Pager]:
    """Listens on a free port until the block ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            pager.accept(json.loads(body), time.time())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        pager = Pager(f"http://127.0.0.1:{server.server_address[1]}/")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="pager")
        thread.start()
        try:
            yield pager
        finally:
            server.shutdown()
            thread.join()
