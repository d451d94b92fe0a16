"""One exporter writes to a state directory, until it ends, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from alerts import custody
from alerts.custody import LOCK, InUse, Unavailable

HOLD = "import pathlib, sys; from alerts import custody; custody.take(pathlib.Path(sys.argv[1])); print(); input()"


def test_taken_until_it_is_given_back(tmp_path):
    """The second is told what to do."""
    directory = tmp_path / "deep" / "state"
    held = custody.take(directory)
    assert custody.is_taken(directory)
    with pytest.raises(InUse, match=r"give each its own watch\.state_dir"):
        custody.take(directory)
    os.close(held)
    assert not custody.is_taken(directory)


def test_it_goes_with_the_process_that_holds_it(tmp_path):
    """SIGKILL leaves no lock behind."""
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert custody.is_taken(tmp_path)
        process.send_signal(signal.SIGKILL)
    assert not custody.is_taken(tmp_path)
    os.close(custody.take(tmp_path))


def test_where_nobody_ever_was(tmp_path):
    """Nothing is made by looking."""
    assert not custody.is_taken(tmp_path / "state")
    assert not (tmp_path / "state").exists()
    with pytest.raises(Unavailable):
        custody.take(tmp_path / "state", make=False)


def test_a_place_that_cannot_be_one(tmp_path):
    """A file where the directory should be, a directory where the lock should be: unknown, not free."""
    (tmp_path / "file").touch()
    (tmp_path / LOCK).mkdir()
    for directory in (tmp_path / "file", tmp_path):
        with pytest.raises(Unavailable, match="cannot be opened"):
            custody.take(directory)
        with pytest.raises(Unavailable, match="cannot be opened"):
            custody.is_taken(directory)
