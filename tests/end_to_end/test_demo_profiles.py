"""`outbox-exporter demo --profile NAME`: the real libraries, with their workers, as the exporter shows them."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.end_to_end.process_resources import ProcessResources
from tests.end_to_end.program import Program, eventually, running

NAMES = ("chancy", "django-outbox-pattern", "pgqueuer", "procrastinate")
QUEUES = {"mail", "reports", "webhooks"}


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Program]]:
    """All at once: they wait more than they compute. The worker of each has ended after its first jobs."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                running(
                    tmp_path_factory.mktemp(name),
                    *("demo", "--port", "0", "--profile", name, "--fault", "worker-stopped", "--duration", "1m"),
                )
            )
            for name in NAMES
        }


@pytest.mark.parametrize("name", NAMES)
def test_a_library(demos, name):
    """What was processed before the worker ended is shown, the backlog grows, and what nobody knows is absent."""
    demo = demos[name]
    eventually(lambda: _grows(demo), seconds=40)
    found = demo.scrape()
    assert found.value("outbox_pending_jobs", state="waiting") > 0
    assert found.get("outbox_running_jobs") in {None, 0.0}
    assert {dict(labels)["queue"] for labels in found.series["outbox_queue_pending_jobs"]} <= QUEUES
    has_processed = name != "django-outbox-pattern"
    assert ("outbox_last_hour_processed_jobs" in found) == has_processed
    if has_processed:
        assert 1 <= found.value("outbox_last_hour_processed_jobs") <= 20
        assert 0.02 < found.value("outbox_last_hour_processing_time_avg_seconds", cohort="processed") < 10
    assert "outbox_last_hour_fsm_events" not in found
    assert "outbox_idempotency_keys" not in found
    assert demo.log == ""


@pytest.mark.parametrize(
    ("name", "end", "status"),
    [("procrastinate", signal.SIGINT, 0), ("django-outbox-pattern", signal.SIGTERM, 0), ("chancy", signal.SIGKILL, -9)],
)
def test_nothing_is_left(demos, name, end, status):
    """However the demo ends: neither a process nor a port. Every signal that the library has was known."""
    demo = demos[name]
    eventually(lambda: _grows(demo), seconds=40)
    resources = ProcessResources.of(demo.process.pid)
    assert len(resources.processes) > 3
    demo.end(end)
    assert demo.process.returncode == status
    eventually(lambda: not resources.remaining())
    assert "Fault: worker-stopped" in demo.printed
    assert "Absent: events, keys (belongs to the default tables)" in demo.printed
    assert "absent  absent" in demo.printed


def _grows(demo: Program) -> bool:
    """Whether the table that the demo prints has a backlog that grew from line to line."""
    backlogs = [int(line.split()[1]) for line in demo.printed.splitlines() if re.match(r" *\d\d:\d\d:\d\d +\d", line)]
    return backlogs == sorted(backlogs) and len(set(backlogs)) > 1
