"""How many connections a sample takes: one while the application is quick, as many as it needs when it is not."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exporter.application.endpoints import ENDPOINTS
from exporter.collectors.application import ApplicationCollector
from exporter.config.settings import ApplicationSettings
from exporter.core.types import Seconds, Url
from tests.application.samples import DOCUMENTED, body
from tests.collectors.application_helpers import TIME_LIMIT, up

ALL_UP = dict.fromkeys(ENDPOINTS, 1.0)


class KeepAliveHandler(BaseHTTPRequestHandler):
    """Keeps connections, and counts the requests over each."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    by_connection: Counter[object]

    def do_GET(self) -> None:
        if self.path.endswith("?batch=1"):
            self._send(404, b"")
            return
        self.by_connection[self.client_address] += 1
        if not self.before_answer():
            self.close_connection = True
            return
        self._send(200, body(DOCUMENTED[self.path.rpartition(".")[2]]))
        self.after_answer()

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def before_answer(self) -> bool:
        """Whether to answer; a server that does not hangs up."""
        return True

    def after_answer(self) -> None:
        """Log nothing."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def collector_of(kind: type[KeepAliveHandler]) -> Iterator[tuple[ApplicationCollector, Counter[object]]]:
    """A collector of such an application, and how many requests came over each connection."""
    kind.by_connection = Counter()
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            url = Url(f"http://127.0.0.1:{server.server_port}/trpc")
            yield ApplicationCollector(ApplicationSettings(url, None, Seconds(TIME_LIMIT))), kind.by_connection
        finally:
            server.shutdown()
            thread.join()


def test_four_requests_take_one_connection():
    """A quick application is asked over one connection, which is given back after each sample."""
    with collector_of(KeepAliveHandler) as (application, by_connection):
        for samples in (1, 2, 3):
            assert up(application.collect()) == ALL_UP
            # A machine that pauses for a moment looks like a slow application: then there are more.
            assert by_connection.total() == len(ENDPOINTS) * samples
            assert len(by_connection) >= samples
        assert by_connection.most_common(1)[0][1] == len(ENDPOINTS)


def test_slow_endpoints_do_not_wait_for_each_other():
    """No answer comes before all four have been asked: side by side, they all are."""
    together = threading.Barrier(len(ENDPOINTS), timeout=TIME_LIMIT)

    class Slow(KeepAliveHandler):
        def before_answer(self) -> bool:
            together.wait()
            return True

    with collector_of(Slow) as (application, by_connection):
        assert up(application.collect()) == ALL_UP
        assert len(by_connection) == len(ENDPOINTS)


def test_a_request_is_repeated_after_a_disconnect():
    """A server that closes a connection between two requests has not failed: the request is sent on a new one."""

    class Disconnecting(KeepAliveHandler):
        def before_answer(self) -> bool:
            return self.by_connection[self.client_address] == 1

    with collector_of(Disconnecting) as (application, by_connection):
        assert up(application.collect()) == ALL_UP
        assert len(by_connection) >= len(ENDPOINTS)


@pytest.mark.parametrize("rest", [b"\r\n", b"\0" * 9000])
def test_unread_bytes_of_an_answer_are_never_another_answer(rest):
    """Bytes after the end of an answer do not spoil the next one."""

    class Chatty(KeepAliveHandler):
        def after_answer(self) -> None:
            self.wfile.write(rest)

    with collector_of(Chatty) as (application, _):
        assert up(application.collect()) == ALL_UP
