"""One process at a time holds a lock; the kernel releases it with the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.core.file_lock import DirectoryInUse, FileLock, lock

HOLD = """
import sys, pathlib
from exporter.core.file_lock import FileLock
FileLock(pathlib.Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_one_at_a_time(tmp_path: Path):
    """The second one is told the directory and what to do, until the first has released it."""
    first, second = (FileLock(tmp_path / "state" / "x.lock") for _ in range(2))
    first.acquire()
    first.acquire()
    with pytest.raises(DirectoryInUse) as raised:
        second.acquire()
    expected = f"{tmp_path / 'state'} is in use by another exporter: give each its own watch.state_dir"
    assert str(raised.value) == expected
    first.release()
    first.release()
    second.acquire()
    with pytest.raises(DirectoryInUse):
        first.acquire()
    second.release()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_lock_whose_file_was_removed_is_taken_again(tmp_path: Path, is_replaced: bool):
    """The open file is locked for ever, but nobody else asks for that one."""
    first, second = (FileLock(tmp_path / "x.lock") for _ in range(2))
    first.acquire()
    (tmp_path / "x.lock").unlink()
    if is_replaced:
        second.acquire()
        with pytest.raises(DirectoryInUse):
            first.acquire()
        second.release()
    first.acquire()
    with pytest.raises(DirectoryInUse):
        second.acquire()
    first.release()


def test_a_killed_process_leaves_no_lock(tmp_path: Path):
    path = tmp_path / "x.lock"
    words = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(DirectoryInUse):
            lock(path)
        process.send_signal(signal.SIGKILL)
    os.close(lock(path))


def test_a_place_without_files_has_no_lock(tmp_path: Path):
    """Acquiring does nothing: writing what the lock protects fails there, and says why."""
    (tmp_path / "file").touch()
    nowhere = FileLock(tmp_path / "file" / "x.lock")
    nowhere.acquire()
    nowhere.release()
    with pytest.raises(NotADirectoryError):
        lock(tmp_path / "file" / "x.lock")
    with pytest.raises(FileNotFoundError):
        lock(tmp_path / "x.lock", make=False)
