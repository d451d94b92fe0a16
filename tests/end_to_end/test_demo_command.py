"""`outbox-exporter demo`: however it ends, it says why and leaves nothing. What it shows is in test_scraped.py."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.lab.faults import FAULTS
from tests.end_to_end import program
from tests.end_to_end.process_resources import ProcessResources, temporary_directory
from tests.end_to_end.program import Program, eventually, running

# What a person would still call at once.
SHUTDOWN_LIMIT = 5.0


@pytest.fixture
def tmpdir() -> Iterator[Path]:
    """Where the demo puts its files: nothing of anybody else is in there."""
    with temporary_directory() as directory:
        yield directory


def leaves_nothing(demo: Program, traces: ProcessResources, tmpdir: Path) -> bool:
    """No process, no port, no shared memory, no file."""
    return demo.process.poll() is not None and not traces.remaining() and not list(tmpdir.iterdir())


def test_it_ends_by_itself(tmp_path, tmpdir):
    """--duration 1s is one second, start and end aside, and the status says that all signals were known."""
    with running(tmp_path, "demo", "--port", "0", "--duration", "1s", TMPDIR=str(tmpdir)) as demo:
        eventually(demo.is_ready)
        traces = ProcessResources.of(demo.process.pid)
        assert demo.process.wait(1 + SHUTDOWN_LIMIT) == 0
        assert leaves_nothing(demo, traces, tmpdir), traces.remaining()


def _to_the_group(demo: Program, number: int) -> None:
    os.killpg(demo.process.pid, number)


def _to_the_process(demo: Program, number: int) -> None:
    os.kill(demo.process.pid, number)


@pytest.mark.parametrize(
    ("send", "number"),
    [(_to_the_group, signal.SIGINT), (_to_the_process, signal.SIGHUP), (_to_the_process, signal.SIGTERM)],
    ids=["Ctrl-C", "terminal closed", "SIGTERM"],
)
def test_every_end_leaves_nothing(tmp_path, tmpdir, send, number):
    """Ctrl-C reaches the whole process group, a closed terminal and a service manager the process alone."""
    with running(tmp_path, "demo", "--port", "0", TMPDIR=str(tmpdir)) as demo:
        eventually(demo.is_ready)
        traces = ProcessResources.of(demo.process.pid)
        assert len(traces.processes) > 3  # or nothing could be left
        assert len(traces.ports) == 3  # PostgreSQL, the application, the exporter
        assert traces.shared_memory
        assert list(tmpdir.iterdir())
        started = time.monotonic()
        send(demo, number)
        assert demo.process.wait(SHUTDOWN_LIMIT) == 0
        assert time.monotonic() - started < SHUTDOWN_LIMIT
        assert leaves_nothing(demo, traces, tmpdir), traces.remaining()
        assert "Traceback" not in demo.log


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path, tmpdir):
    """An impatient person, half a second after the command: PostgreSQL is being made just then."""
    with running(tmp_path, "demo", "--port", "0", TMPDIR=str(tmpdir)) as demo:
        eventually(lambda: list(tmpdir.iterdir()))
        os.killpg(demo.process.pid, signal.SIGINT)
        demo.process.wait(SHUTDOWN_LIMIT * 2)
        assert not list(tmpdir.iterdir())
        assert "Traceback" not in demo.log


def test_killed_it_leaves_nothing_either(tmp_path, tmpdir):
    """SIGKILL gives no chance to clean up: the cluster's guardian does, a moment later."""
    with running(tmp_path, "demo", "--port", "0", TMPDIR=str(tmpdir)) as demo:
        eventually(demo.is_ready)
        traces = ProcessResources.of(demo.process.pid)
        demo.process.kill()
        demo.process.wait()
        eventually(lambda: leaves_nothing(demo, traces, tmpdir), seconds=10)


def test_an_occupied_port_is_told(tmpdir):
    """Which port, that something listens there, status 2; and the PostgreSQL of this demo is gone."""
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        second = program.run("demo", "--port", str(port), TMPDIR=str(tmpdir))
    assert second.returncode == 2
    assert f"127.0.0.1:{port}: Address already in use" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert not list(tmpdir.iterdir())


def test_an_unknown_fault_lists_the_known(tmpdir):
    """Nothing is started for it."""
    refused = program.run("demo", "--fault", "gremlins", TMPDIR=str(tmpdir))
    assert refused.returncode == 2
    assert "gremlins: there is no such fault" in refused.stderr
    assert all(f"  {name}: {fault.description}" in refused.stderr for name, fault in FAULTS.items())
    assert refused.stdout == ""


def test_a_fault_is_announced_and_a_signal_that_is_unknown_makes_the_status_1(tmpdir):
    """With the outbox locked from the start, there is never a backlog to show: not a good demo."""
    locked = program.run(
        "demo", "--port", "0", "--duration", "3s", "--fault", "database-lock", TMPDIR=str(tmpdir), timeout=40
    )
    assert locked.returncode == 1
    assert f"Fault: database-lock, {FAULTS['database-lock'].description}" in locked.stdout
    assert "sample failed" in locked.stderr
    assert "reason=lock" in locked.stderr
    assert not list(tmpdir.iterdir())
