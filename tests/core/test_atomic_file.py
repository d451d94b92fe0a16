"""A file is there as a whole, old or new, whatever happens while it is replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter.core import atomic_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state.json"


def test_the_new_one_takes_the_old_ones_place(path):
    """Directories are made, and nothing else is left beside it."""
    atomic_file.replace(path, "old")
    atomic_file.replace(path, "né")
    assert path.read_text("utf-8") == "né"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_the_old_one_stays_when_the_new_one_fails(path, step, monkeypatch):
    """A full disk, or the machine stops it: nothing half written, no rest."""
    atomic_file.replace(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    with pytest.raises(OSError, match="No space"):
        atomic_file.replace(path, "new")
    monkeypatch.undo()
    assert path.read_text("utf-8") == "old"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_contents_are_on_disk_before_the_name_is(path, monkeypatch):
    """In this order: contents, name, directory."""
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(handle: int) -> None:
        done.append("fsync")
        fsync(handle)

    def noted_replace(old: Path, new: Path) -> Path:
        done.append("name")
        return replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    atomic_file.replace(path, "new")
    assert done == ["fsync", "name", "fsync"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o027, 0o640)])
def test_who_may_read_it_is_up_to_the_umask(tmp_path, mask, mode):
    """For a file that other programs read; the state of this one is private whatever the umask is."""
    before = os.umask(mask)
    try:
        atomic_file.replace(tmp_path / "outbox.prom", "x", mode=0o666)
        atomic_file.replace(tmp_path / "state.json", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "outbox.prom").stat().st_mode & 0o777 == mode
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_a_directory_is_not_made_where_it_ought_to_be_there(tmp_path):
    """A mistyped path is an error."""
    with pytest.raises(FileNotFoundError):
        atomic_file.replace(tmp_path / "texfile" / "outbox.prom", "x", make_directory=False)
    assert not (tmp_path / "texfile").exists()


def test_the_temporary_file_is_no_metrics_file(tmp_path, monkeypatch):
    """node_exporter reads every *.prom of a directory: the new contents have another ending until they are whole."""
    seen: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        seen.extend(each.name for each in tmp_path.iterdir())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    atomic_file.replace(tmp_path / "outbox.prom", "x")
    assert seen[0].startswith(".outbox.prom.")
    assert not seen[0].endswith(".prom")
