"""Reading an exposition."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.scrape import ScrapedSample, Scraper, is_complete, samples
from exporter.lab.ports import LOOPBACK

TEXT = """\
# HELP outbox_pending_jobs Unprocessed jobs.
# TYPE outbox_pending_jobs gauge
outbox_pending_jobs{state="waiting"} 1020.0
outbox_pending_jobs{state="failing"} 1.2e+02
outbox_up 1.0 1700000000

outbox_ratio NaN
# EOF
"""


def test_samples_have_name_labels_and_value():
    """Comments and empty lines are skipped, and timestamps are not part of the value."""
    assert list(samples(TEXT))[:3] == [
        ScrapedSample("outbox_pending_jobs", {"state": "waiting"}, 1020.0),
        ScrapedSample("outbox_pending_jobs", {"state": "failing"}, 120.0),
        ScrapedSample("outbox_up", {}, 1.0),
    ]
    assert sum(1 for _ in samples(TEXT)) == 4


def test_complete_means_every_metric_has_a_sample():
    """A HELP line alone is not a value."""
    assert is_complete(TEXT, ("outbox_up", "outbox_pending_jobs"))
    assert not is_complete("# HELP outbox_up Up.\n", ("outbox_up",))


class FakeExporter(BaseHTTPRequestHandler):
    """Counts its connections, and answers so many requests on each."""

    protocol_version = "HTTP/1.1"
    connections = 0
    requests_per_connection = 1000
    status = 200

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1
        self.answered = 0

    def do_GET(self) -> None:
        self.answered += 1
        self.close_connection = self.answered >= self.requests_per_connection
        self.send_response(self.status)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"up 1")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def exporter() -> Iterator[tuple[type[FakeExporter], int]]:
    """One of its own, and its port."""
    mine = type("Mine", (FakeExporter,), {})
    with ThreadingHTTPServer((LOOPBACK, 0), mine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield mine, server.server_port
        server.shutdown()


@pytest.mark.parametrize(("requests_per_connection", "connections"), [(1000, 1), (2, 3)], ids=["kept", "closed"])
def test_a_connection_is_kept_as_prometheus_does(exporter, requests_per_connection, connections):
    """While the exporter keeps it; after a close the request is repeated."""
    mine, port = exporter
    mine.requests_per_connection = requests_per_connection
    with Scraper(port) as scraper:
        assert [scraper.scrape() for _ in range(5)] == ["up 1"] * 5
    assert mine.connections == connections


def test_a_failed_scrape_raises(exporter):
    """For another status, and without a server."""
    mine, port = exporter
    mine.status = 500
    with Scraper(port) as scraper, pytest.raises(http.client.HTTPException, match="has status 500"):
        scraper.scrape()
    with Scraper(1) as scraper, pytest.raises(OSError, match="refused"):
        scraper.scrape()
