"""The state directory: the true reason why it cannot be written, wherever that lies; nothing is left by asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.evaluation.state_file import SavedState, StateFile, StateFileError
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryUnavailable, acquire, is_locked
from exporter.core import atomic_file, state_directory
from exporter.migration.maintenance import MaintenanceFile, MaintenanceFileError

# A file system that takes neither files nor directories from any user; it answers "No such file or directory".
NOWHERE = Path("/proc/nope")
REASON = "the directory /proc/nope cannot be made in /proc: its file system takes none"


@pytest.mark.parametrize("parts", [(), ("state",), ("a", "b", "c")])
def test_a_directory_that_can_be_written(tmp_path, parts):
    """There already, or still to be made, with those above it; asking leaves nothing behind."""
    directory = tmp_path.joinpath(*parts)
    assert state_directory.problem(directory) is None
    assert list(tmp_path.iterdir()) == []
    state_directory.prepare(directory)
    assert state_directory.problem(directory) is None
    assert directory.is_dir()
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("parts", [("file",), ("file", "state")])
def test_a_file_is_in_the_way(tmp_path, parts):
    """It is named, at any position in the path."""
    (tmp_path / "file").touch()
    directory = tmp_path.joinpath(*parts)
    assert state_directory.problem(directory) == f"{tmp_path}/file is not a directory"
    with pytest.raises(OSError, match="is not a directory"):
        state_directory.prepare(directory)


def test_readers_name_the_file_in_the_way_too(tmp_path):
    """`watch status` and the others that only look."""
    (tmp_path / "file").touch()
    with pytest.raises(HistoryUnavailable, match=r"file is not a directory"):
        is_locked(tmp_path / "file")
    assert not is_locked(tmp_path / "nothing")


def test_a_link_to_nowhere_is_in_the_way(tmp_path):
    """As where a volume was not mounted."""
    (tmp_path / "state").symlink_to(tmp_path / "gone")
    assert state_directory.problem(tmp_path / "state") == f"{tmp_path}/state is not a directory"


def test_a_file_system_that_takes_nothing():
    """The system's own error would be that something is missing."""
    assert state_directory.problem(NOWHERE) == REASON
    assert state_directory.problem(Path("/proc")) is not None


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda: acquire(NOWHERE), HistoryUnavailable),
        (lambda: History.writer(NOWHERE), HistoryUnavailable),
        (lambda: History.reader(NOWHERE), HistoryUnavailable),
        (lambda: StateFile(NOWHERE).save(SavedState(0.0, {}, ())), StateFileError),
        (lambda: MaintenanceFile(NOWHERE).start(0.0, 60.0, "deploy"), MaintenanceFileError),
        (lambda: atomic_file.replace(NOWHERE / "x", ""), OSError),
    ],
    ids=["lock", "history", "reading history", "alerts", "maintenance", "a file"],
)
def test_the_error_of_a_state_directory_names_its_use(act, error):
    """The same message everywhere, after the purpose of the directory."""
    with pytest.raises(error) as raised:
        act()
    assert REASON in str(raised.value)
