"""`outbox-exporter demo`: its exit status and messages, and that no process, port or file is left afterwards.

The metrics of the demo are tested in test_scraped.py.
"""

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

# The longest time to end after a signal, seconds.
SHUTDOWN_LIMIT = 5.0


@pytest.fixture
def tmpdir() -> Iterator[Path]:
    """An empty directory for the files of the demo."""
    with temporary_directory() as directory:
        yield directory


def no_resource_is_left(demo: Program, resources: ProcessResources, tmpdir: Path) -> bool:
    """No process, no port, no shared memory, no file."""
    return demo.process.poll() is not None and not resources.remaining() and not list(tmpdir.iterdir())


def test_it_ends_after_its_duration(tmp_path, tmpdir):
    """--duration 1s runs for one second between start and end; status 0: all five signals were sampled."""
    with running(tmp_path, "demo", "--port", "0", "--duration", "1s", TMPDIR=str(tmpdir)) as demo:
        eventually(demo.is_ready)
        resources = ProcessResources.of(demo.process.pid)
        assert demo.process.wait(1 + SHUTDOWN_LIMIT) == 0
        assert no_resource_is_left(demo, resources, tmpdir), resources.remaining()


def _to_the_group(demo: Program, number: int) -> None:
    os.killpg(demo.process.pid, number)


def _to_the_process(demo: Program, number: int) -> None:
    os.kill(demo.process.pid, number)


@pytest.mark.parametrize(
    ("send", "number"),
    [(_to_the_group, signal.SIGINT), (_to_the_process, signal.SIGHUP), (_to_the_process, signal.SIGTERM)],
    ids=["Ctrl-C", "terminal closed", "SIGTERM"],
)
def test_every_signal_leaves_nothing(tmp_path, tmpdir, send, number):
    """Ctrl-C reaches the whole process group, a closed terminal and a service manager the process alone."""
    with running(tmp_path, "demo", "--port", "0", TMPDIR=str(tmpdir)) as demo:
        eventually(demo.is_ready)
        resources = ProcessResources.of(demo.process.pid)
        assert len(resources.processes) > 3  # otherwise the test would prove nothing
        assert len(resources.ports) == 3  # PostgreSQL, the application, the exporter
        assert resources.shared_memory
        assert list(tmpdir.iterdir())
        started = time.monotonic()
        send(demo, number)
        assert demo.process.wait(SHUTDOWN_LIMIT) == 0
        assert time.monotonic() - started < SHUTDOWN_LIMIT
        assert no_resource_is_left(demo, resources, tmpdir), resources.remaining()
        assert "Traceback" not in demo.log


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path, tmpdir):
    """Ctrl-C while PostgreSQL's cluster is being created."""
    with running(tmp_path, "demo", "--port", "0", TMPDIR=str(tmpdir)) as demo:
        eventually(lambda: list(tmpdir.iterdir()))
        os.killpg(demo.process.pid, signal.SIGINT)
        demo.process.wait(SHUTDOWN_LIMIT * 2)
        assert not list(tmpdir.iterdir())
        assert "Traceback" not in demo.log


def test_killed_it_leaves_nothing(tmp_path, tmpdir):
    """After SIGKILL the clean-up process of the cluster removes everything within seconds."""
    with running(tmp_path, "demo", "--port", "0", TMPDIR=str(tmpdir)) as demo:
        eventually(demo.is_ready)
        resources = ProcessResources.of(demo.process.pid)
        demo.process.kill()
        demo.process.wait()
        eventually(lambda: no_resource_is_left(demo, resources, tmpdir), seconds=10)


def test_an_occupied_port_is_reported(tmpdir):
    """Status 2 and one line with the port and the reason; the PostgreSQL of this demo is removed."""
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        second = program.run("demo", "--port", str(port), TMPDIR=str(tmpdir))
    assert second.returncode == 2
    assert f"127.0.0.1:{port}: Address already in use" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert not list(tmpdir.iterdir())


def test_an_unknown_fault_lists_the_known_ones(tmpdir):
    """Status 2, and nothing is started."""
    refused = program.run("demo", "--fault", "gremlins", TMPDIR=str(tmpdir))
    assert refused.returncode == 2
    assert "gremlins: there is no such fault" in refused.stderr
    assert all(f"  {name}: {fault.description}" in refused.stderr for name, fault in FAULTS.items())
    assert refused.stdout == ""


def test_a_fault_is_announced_and_an_unknown_signal_makes_the_status_1(tmpdir):
    """With the outbox locked from the start the backlog is never sampled: status 1."""
    locked = program.run(
        "demo", "--port", "0", "--duration", "3s", "--fault", "database-lock", TMPDIR=str(tmpdir), timeout=40
    )
    assert locked.returncode == 1
    assert f"Fault: database-lock, {FAULTS['database-lock'].description}" in locked.stdout
    assert "sample failed" in locked.stderr
    assert "reason=lock" in locked.stderr
    assert not list(tmpdir.iterdir())
