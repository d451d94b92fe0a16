"""A proxy for /metrics that asks for the text format: Prometheus prefers OpenMetrics wherever it is offered."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests import webtools


class _TextFormatHandler(http.server.BaseHTTPRequestHandler):
    """Forwards a request with an Accept header for the text format."""

    def do_GET(self) -> None:
        assert isinstance(self.server, _Forwarder)
        answer = webtools.get(self.server.upstream + self.path, headers={"Accept": "text/plain;version=0.0.4"})
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


class _Forwarder(http.server.ThreadingHTTPServer):
    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _TextFormatHandler)
        self.upstream = upstream


@contextmanager
def text_format_proxy(url: str) -> Iterator[str]:
    """The URL of a proxy that answers with `url` in the text format."""
    with _Forwarder(url) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
