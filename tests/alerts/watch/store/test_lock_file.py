"""One exporter writes to a state directory, until it ends, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from alerts.watch.store import lock_file
from alerts.watch.store.lock_file import LOCK, HistoryInUse, HistoryUnavailable

HOLD = """
import pathlib, sys
from alerts.watch.store import lock_file
lock_file.acquire(pathlib.Path(sys.argv[1]))
print()
input()
"""


def test_taken_until_it_is_given_back(tmp_path):
    """The error for the second process has the remedy."""
    directory = tmp_path / "deep" / "state"
    held = lock_file.acquire(directory)
    assert lock_file.is_locked(directory)
    with pytest.raises(HistoryInUse, match=r"give each its own watch\.state_dir"):
        lock_file.acquire(directory)
    os.close(held)
    assert not lock_file.is_locked(directory)


def test_it_is_released_at_the_end_of_its_process(tmp_path):
    """SIGKILL leaves no lock behind."""
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert lock_file.is_locked(tmp_path)
        process.send_signal(signal.SIGKILL)
    assert not lock_file.is_locked(tmp_path)
    os.close(lock_file.acquire(tmp_path))


def test_a_directory_without_a_lock_is_free(tmp_path):
    """Nothing is made by looking."""
    assert not lock_file.is_locked(tmp_path / "state")
    assert not (tmp_path / "state").exists()
    with pytest.raises(HistoryUnavailable):
        lock_file.acquire(tmp_path / "state", make=False)


def test_a_place_that_cannot_be_one(tmp_path):
    """A file where the directory should be, a directory where the lock should be: unknown, not free."""
    (tmp_path / "file").touch()
    (tmp_path / LOCK).mkdir()
    for directory in (tmp_path / "file", tmp_path):
        with pytest.raises(HistoryUnavailable, match="cannot be opened"):
            lock_file.acquire(directory)
        with pytest.raises(HistoryUnavailable, match="cannot be opened"):
            lock_file.is_locked(directory)
