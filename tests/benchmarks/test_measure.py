"""One exporter, from its start to its result."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from benchmarks import measure, statements
from benchmarks.compare import side_by_side
from benchmarks.exporters import Contender, ExporterTarget, Shipped, StartCommand
from benchmarks.measure import prepare_role, run_exporter
from tools.image import ROOT

SERVE = [
    "import sys",
    "from http.server import BaseHTTPRequestHandler, HTTPServer",
    "class Handler(BaseHTTPRequestHandler):",
    "    def do_GET(self):",
    "        self.send_response(200)",
    "        self.end_headers()",
    "        self.wfile.write(b'outbox_up 1\\n')",
    "    def log_message(self, *_):",
    "        pass",
    "HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()",
]
# Fails with the process id of a running exporter.
CHECK = "import os, sys; sys.exit(os.path.exists(f'/proc/{sys.argv[1]}'))"
QUIET = (sys.executable, "-I", "-S", "-c")


@pytest.fixture
def testbed(database, tmp_path: Path) -> Iterator[measure.Testbed]:
    with psycopg.connect(database.server.dsn(), autocommit=True) as observer:
        yield measure.Testbed(database, observer, "http://127.0.0.1:9", "http://127.0.0.1:9", tmp_path)


def start(target: ExporterTarget) -> StartCommand:
    return StartCommand((*QUIET, "\n".join(SERVE), str(target.port)))


def shipped(health_check: str) -> Shipped:
    """Of a build whose program is always content."""
    script = ROOT / "exporter" / "sql" / "setup" / "monitoring_role.sql"
    return Shipped("ours", ("true",), (*QUIET, health_check), 0.2, script)


def test_exporters_side_by_side_are_told_apart(testbed):
    """Each by the statements of its role and the time of its process; the time of health checks is counted apart."""
    plain = Contender("plain", "1", ("outbox_up",), start)
    checked = Contender("checked", "2", ("outbox_up",), start, shipped(CHECK))
    for exporter in (plain, checked):
        prepare_role(testbed.database, exporter, testbed.directory)
    statements.reset(testbed.observer)
    with run_exporter(testbed, plain) as one, run_exporter(testbed, checked) as two:
        for run in (one, two):
            run.wait_for_values()
        with psycopg.connect(testbed.database.dsn(checked.role)) as connection:
            connection.execute("/* counted */ SELECT count(expires_at) FROM idempotency_keys")
        before, after = side_by_side([one, two], minutes=0.02, settling=0.1)
    assert (before.exporter, before.build, before.health, before.statements) == ("plain", None, None, ())
    assert (after.exporter, after.build, after.connections) == ("checked", "ours", 1)
    assert [cost.query for cost in after.statements if cost.buffers] == ["counted"]
    assert after.health is not None
    assert after.health > 0
    assert after.unhealthy >= 1

    assert after.processor_with_health == after.processor + after.health
    assert all(0 < result.processor < 60 and result.resident > 1 << 20 for result in (before, after))


def test_an_exporter_without_values_is_given_up(testbed):
    """At once when its process ends, with the end of its log."""
    ended = Contender("ended", "1", ("outbox_up",), lambda _: StartCommand((*QUIET, "raise SystemExit('no luck')")))
    began = time.monotonic()
    with run_exporter(testbed, ended) as run, pytest.raises(RuntimeError, match="no luck"):
        run.wait_for_values()
    assert time.monotonic() - began < 60
