"""The state directory: the true reason why it cannot be written, wherever that lies; nothing is left by asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.custody import Unavailable, is_taken, take
from alerts.history import History
from alerts.statefile import Kept, StateFile, UnusableError
from exporter import durable, statedir
from exporter.migration.maintenance import Ledger, Unusable

# A file system that takes neither files nor directories, whoever asks; it answers "No such file or directory".
NOWHERE = Path("/proc/nope")
REASON = "the directory /proc/nope cannot be made in /proc: its file system takes none"


@pytest.mark.parametrize("parts", [(), ("state",), ("a", "b", "c")])
def test_a_directory_that_can_be_written(tmp_path, parts):
    """There already, or still to be made, with those above it; asking leaves nothing behind."""
    directory = tmp_path.joinpath(*parts)
    assert statedir.problem(directory) is None
    assert list(tmp_path.iterdir()) == []
    statedir.prepare(directory)
    assert statedir.problem(directory) is None
    assert directory.is_dir()
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("parts", [("file",), ("file", "state")])
def test_a_file_is_in_the_way(tmp_path, parts):
    """It is named, wherever it stands in the path."""
    (tmp_path / "file").touch()
    directory = tmp_path.joinpath(*parts)
    assert statedir.problem(directory) == f"{tmp_path}/file is not a directory"
    with pytest.raises(OSError, match="is not a directory"):
        statedir.prepare(directory)


def test_readers_name_the_file_in_the_way_too(tmp_path):
    """`watch status` and the others that only look."""
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"file is not a directory"):
        is_taken(tmp_path / "file")
    assert not is_taken(tmp_path / "nothing")


def test_a_link_to_nowhere_is_in_the_way(tmp_path):
    """As where a volume was not mounted."""
    (tmp_path / "state").symlink_to(tmp_path / "gone")
    assert statedir.problem(tmp_path / "state") == f"{tmp_path}/state is not a directory"


def test_a_file_system_that_takes_nothing():
    """Its own error would say that something is missing."""
    assert statedir.problem(NOWHERE) == REASON
    assert statedir.problem(Path("/proc")) is not None


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda: take(NOWHERE), Unavailable),
        (lambda: History.writer(NOWHERE), Unavailable),
        (lambda: History.reader(NOWHERE), Unavailable),
        (lambda: StateFile(NOWHERE).save(Kept(0.0, {}, ())), UnusableError),
        (lambda: Ledger(NOWHERE).start(0.0, 60.0, "deploy"), Unusable),
        (lambda: durable.replace(NOWHERE / "x", ""), OSError),
    ],
    ids=["lock", "history", "reading history", "alerts", "maintenance", "a file"],
)
def test_whoever_keeps_something_there_tells_the_reason(act, error):
    """The same everywhere, beside what could not be kept."""
    with pytest.raises(error) as raised:
        act()
    assert REASON in str(raised.value)
