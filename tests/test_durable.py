"""A file is there as a whole, old or new, whatever happens while it is replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exporter import durable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state.json"


def test_the_new_one_takes_the_old_ones_place(path):
    """Directories are made, and nothing else is left beside it."""
    durable.replace(path, "old")
    durable.replace(path, "né")
    assert path.read_text("utf-8") == "né"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_the_old_one_stays_when_the_new_one_fails(path, step, monkeypatch):
    """A full disk, or the machine stops it: nothing half written, no rest."""
    durable.replace(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    with pytest.raises(OSError, match="No space"):
        durable.replace(path, "new")
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
    durable.replace(path, "new")
    assert done == ["fsync", "name", "fsync"]
