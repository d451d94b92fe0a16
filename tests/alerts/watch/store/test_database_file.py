"""A file that is missing, newer, damaged or not writable is refused with its reason."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from alerts.watch.store import lock_file
from alerts.watch.store.database_file import FILE, HistoryDamaged, HistoryTooNew
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import LOCK, HistoryError, HistoryInUse, HistoryUnavailable
from tests.alerts.watch.store.test_history import filled, read


def test_no_history_yet(tmp_path):
    """A reader raises an error, and creates nothing."""
    with pytest.raises(HistoryUnavailable):
        History.reader(tmp_path / "state")
    assert not lock_file.is_locked(tmp_path / "state")
    assert not (tmp_path / "state").exists()
    (tmp_path / FILE).touch()
    with pytest.raises(HistoryUnavailable, match="is empty"):
        History.reader(tmp_path)
    History.writer(tmp_path).close()
    assert read(tmp_path) == []


def test_a_later_version_is_left_alone(tmp_path):
    """Neither read nor written, nor moved."""
    filled(tmp_path, 3)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA user_version = 2")
    content = (tmp_path / FILE).read_bytes()
    for way in (History.writer, History.reader):
        with pytest.raises(HistoryTooNew, match="later version"):
            way(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_another_database_is_refused(tmp_path):
    """Whatever it holds."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("CREATE TABLE ticks (t)")
    with pytest.raises(HistoryDamaged, match="not that of a history"):
        History.writer(tmp_path)


@pytest.mark.parametrize("content", [b"no database at all" * 50, b"\0" * 8192, b"SQLite format 3\0" + b"\xff" * 4080])
def test_nonsense_is_damaged(tmp_path, content):
    """And a lock is not left behind."""
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(HistoryDamaged), History.writer(tmp_path) as opened:
        opened.check()
    assert not lock_file.is_locked(tmp_path)


# Root may write anywhere, so it changes its user, once everything is imported.
NOBODY = """
import os, pathlib, sys
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryUnavailable
directory = pathlib.Path(sys.argv[1])
with History.reader(directory) as opened:
    print(len(list(opened.ticks(-1))))
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
with History.reader(directory) as opened:
    print(len(list(opened.ticks(-1))))
try:
    History.writer(directory)
except HistoryUnavailable as error:
    print("cannot", error)
"""


@pytest.mark.parametrize("obstacle", ["a file", "read-only"])
def test_a_directory_that_takes_nothing(tmp_path, obstacle):
    """The error names the directory before anything is created."""
    state = tmp_path / "state"
    if obstacle == "a file":
        state.write_text("")
        with pytest.raises(HistoryUnavailable, match="state"):
            History.writer(state)
        return
    filled(state, 3)
    for name in (FILE, LOCK):
        (state / name).chmod(0o444)
    state.chmod(0o555)
    # Where others may not tick, a copy is of no use to them.
    place = Path("/tmp") / f"outbox-exporter-{tmp_path.name}-{os.getpid()}"
    shutil.copytree(state, place)
    try:
        done = subprocess.run([sys.executable, "-c", NOBODY, str(place)], capture_output=True, text=True, check=False)
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)
    assert done.stdout.startswith("3\n3\ncannot"), done.stderr


def test_every_error_is_one_of_the_family():
    """So that one `except` covers them."""
    assert all(
        issubclass(each, HistoryError) for each in (HistoryUnavailable, HistoryInUse, HistoryTooNew, HistoryDamaged)
    )
