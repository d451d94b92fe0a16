"""The process that removes a cluster after its owner has ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.lab.postgres import cleanup_process
from tests.lab.waiting import is_gone, processes_of, wait_for

# Makes a cluster, prints its directory, and waits to be killed.
OWNER = """
import sys, time
from exporter.lab.postgres.cluster import Cluster
with Cluster.embedded() as cluster:
    print(cluster.directory, cluster.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_owner_leaves_nothing_behind(number):
    """The clean-up process removes the cluster soon after."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        directory, pid = owner.stdout.readline().split()
        assert Path(directory).exists()
        owner.send_signal(number)
    wait_for(lambda: is_gone(Path(directory), int(pid)))


def test_the_clean_up_process_ignores_signals():
    """After SIGTERM to all processes, as at a shutdown, nothing is left."""
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        directory, pid = owner.stdout.readline().split()
        for process in processes_of(Path(directory)):
            if process.pid != int(pid):
                process.send_signal(signal.SIGTERM)
        owner.terminate()
    wait_for(lambda: is_gone(Path(directory), int(pid)))


def test_another_process_with_the_recorded_number_is_not_killed(tmp_path):
    """Its command line does not name the directory."""
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n")
    assert cleanup_process.server_pid(tmp_path) is None
    assert cleanup_process.server_pid(tmp_path / "missing") is None
