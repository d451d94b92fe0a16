"""Processor time of a process."""

import sys
import time

import psutil

from benchmarks.exporters import StartCommand
from benchmarks.process import ExporterProcess

# Reports that it has worked for a while, then waits for its parent to end.
WORK = """
import os, time
parent = os.getppid()
while time.process_time() < 0.2: pass
open({done!r}, "w").close()
while os.getppid() == parent: time.sleep(0.05)
"""


def test_processor_time_is_that_of_the_process_and_its_children(tmp_path):
    """The processor time of a child counts, that of this test does not."""
    done = tmp_path / "done"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORK.format(done=str(done))!r}])"
    with ExporterProcess(StartCommand((sys.executable, "-c", parent)), tmp_path / "log") as running:
        while not done.exists():
            running.check()
        used = running.processor_seconds
        assert 0.2 <= used < 2
        assert running.processor_seconds - used < 0.1
    assert running.processor_seconds == 0


def test_a_process_can_be_kept_from_running(tmp_path):
    """Until the end of the block."""
    script = "import time; time.sleep(60)"
    with ExporterProcess(StartCommand((sys.executable, "-c", script)), tmp_path / "log") as running:
        view = psutil.Process(running.pid)
        with running.stopped():
            deadline = time.monotonic() + 10
            while view.status() != psutil.STATUS_STOPPED and time.monotonic() < deadline:
                time.sleep(0.01)  # the signal takes effect when the process is scheduled
            assert view.status() == psutil.STATUS_STOPPED
        assert view.status() != psutil.STATUS_STOPPED
