"""`outbox-exporter demo --profile NAME`: the real libraries, with their workers, as the exporter shows them."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.end_to_end.process_resources import ProcessResources
from tests.end_to_end.program import Program, eventually, running

# tests/lab/libraries/test_library_lab.py has the poison jobs of the others.
FAULTS = {
    "chancy": "poison-jobs",
    "django-outbox-pattern": "worker-stopped",
    "pgqueuer": "poison-jobs",
    "procrastinate": "worker-stopped",
}
QUEUES = {"mail", "reports", "webhooks"}


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Program]]:
    """All at once: they wait more than they compute."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                running(tmp_path_factory.mktemp(name), "demo", "--port", "0", "--profile", name, "--fault", fault)
            )
            for name, fault in FAULTS.items()
        }


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault == "worker-stopped"])
def test_a_worker_that_has_ended(demos, name):
    """The backlog grows; what was processed before is shown, and what the library cannot tell is absent."""
    demo = demos[name]
    eventually(lambda: _grows(demo), seconds=40)
    found = demo.scrape()
    assert found.value("outbox_pending_jobs", state="waiting") > 0
    assert found.sum("outbox_queue_pending_jobs") == found.sum("outbox_pending_jobs")
    assert {dict(labels)["queue"] for labels in found.series["outbox_queue_pending_jobs"]} <= QUEUES
    if name == "procrastinate":
        assert found.value("outbox_running_jobs") == 0
        assert 1 <= found.value("outbox_last_hour_processed_jobs") <= 20
        assert 0.02 < found.value("outbox_last_hour_processing_time_avg_seconds", cohort="processed") < 10
    else:
        assert "outbox_last_hour_processed_jobs" not in found
        assert "outbox_last_hour_processing_time_avg_seconds" not in found


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault == "poison-jobs"])
def test_poison_jobs(demos, name):
    """They are given up, while the worker processes the others."""
    demo = demos[name]
    eventually(lambda: len(_backlogs(demo)) > 2, seconds=40)
    eventually(lambda: demo.scrape().get("outbox_pending_jobs", state="exhausted") == 20)
    found = demo.scrape()
    assert found.value("outbox_last_hour_processed_jobs") > 5
    assert 0.02 < found.value("outbox_last_hour_processing_time_avg_seconds", cohort="processed") < 10
    assert 0 < found.value("outbox_last_hour_failure_ratio") < 1


@pytest.mark.parametrize(
    ("name", "end", "status"),
    [("procrastinate", signal.SIGINT, 0), ("django-outbox-pattern", signal.SIGTERM, 0), ("chancy", signal.SIGKILL, -9)],
)
def test_nothing_is_left(demos, name, end, status):
    """However the demo ends: neither a process nor a port. Every signal that the library has was known."""
    demo = demos[name]
    eventually(demo.is_ready, seconds=40)
    resources = ProcessResources.of(demo.process.pid)
    assert len(resources.processes) > 3
    demo.end(end)
    assert demo.process.returncode == status
    eventually(lambda: not resources.remaining())
    assert f"Fault: {FAULTS[name]}" in demo.printed
    assert "Absent: events, keys (belongs to the default tables)" in demo.printed
    assert "absent  absent" in demo.printed
    assert demo.log == ""


def _grows(demo: Program) -> bool:
    backlogs = _backlogs(demo)
    return backlogs == sorted(backlogs) and len(set(backlogs)) > 1


def _backlogs(demo: Program) -> list[int]:
    """From line to line of the table that the demo prints."""
    return [int(line.split()[1]) for line in demo.printed.splitlines() if re.match(r" *\d\d:\d\d:\d\d +\d", line)]
