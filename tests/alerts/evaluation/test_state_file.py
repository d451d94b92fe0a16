"""The saved state of alerts and series, and the handling of files that cannot be read."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest

from alerts.evaluation.state_file import FILE, SavedState, StateFile, StateFileError
from alerts.evaluation.state_machine import ActiveAlert
from alerts.model import Alert, RuleKey, Severity, State
from alerts.promql.storage import Series
from tests.alerts.promql.notation import storage

KEY = RuleKey("A", Severity.TICKET)
LABELS = (("alertname", "A"), ("job", "outbox"), ("severity", "ticket"))
FIRING = Alert(
    KEY,
    LABELS,
    State.FIRING,
    active_since=1e9,
    value=math.inf,
    last_true=1e9 + 15,
    firing_since=1e9 + 15.25,
    held=True,
    muted=True,
    annotations={"summary": "ü\n"},
)
PENDING = Alert(KEY, (("job", "other"),), State.PENDING, active_since=1e9, value=0.1, last_true=1e9, held=True)
STANDINGS = {
    (KEY, LABELS): ActiveAlert(FIRING, true_for=0.1 + 0.2, false_for=3.5),
    (KEY, (("job", "other"),)): ActiveAlert(PENDING),
}


def series_of(kept: SavedState) -> list[tuple[Any, ...]]:
    """Everything that makes a series, comparable."""
    return [(s.metric, s.labels, list(s.times), [repr(v) for v in s.values], list(s.ends)) for s in kept.series]


def test_a_saved_state_is_loaded(tmp_path: Path) -> None:
    """Numbers are exact; series are stale, since it is unknown whether they continued."""
    seen = storage('x{a="ü"} 1 nan inf _ 0.1\ny 1 2', start=1_700_000_000.123)
    StateFile(tmp_path / "deep" / "state").save(SavedState(1e9 + 16, STANDINGS, tuple(seen.series())))
    kept = StateFile(tmp_path / "deep" / "state").load()
    assert kept is not None
    assert (kept.at, kept.active_alerts) == (1e9 + 16, STANDINGS)
    start = 1_700_000_000_123
    assert series_of(kept) == [
        (
            "x",
            (("a", "ü"),),
            [start, start + 15_000, start + 30_000, start + 60_000],
            ["1.0", "nan", "inf", "0.1"],
            [start + 45_000, start + 60_001],
        ),
        ("y", (), [start, start + 15_000], ["1.0", "2.0"], [start + 30_000]),
    ]


def test_nothing_kept(tmp_path: Path) -> None:
    """A directory without the file, or none at all, holds nothing; a series without samples neither."""
    assert StateFile(tmp_path / "none").load() is None
    StateFile(tmp_path).save(SavedState(0.0, {}, (Series("x", ()),)))
    kept = StateFile(tmp_path).load()
    assert kept is not None
    assert series_of(kept) == [("x", (), [], [], [])]


def damaged() -> dict[str, str]:
    """File contents with the expected error message."""
    nothing: dict[str, object] = {
        "format": 3,
        "at": 0,
        "alerts": [],
        "series": [],
        "times": "",
        "values": "",
        "ends": "",
    }
    one, two = "AQAAAAAAAAA=", "AAAAAAAA8D8AAAAAAAAAQA=="
    series: dict[str, object] = {"series": [["x", [], 1, 0]], "times": one, "values": one}
    wrong: dict[str, dict[str, object]] = {
        "older": {"format": 2},
        "newer": {"format": 4},
        "with too few times": series | {"times": ""},
        "with too many values": series | {"values": two},
        "with too few ends": series | {"series": [["x", [], 1, 1]]},
        "with half a number": series | {"times": "AQAA"},
        "with no count": series | {"series": [["x", [], "1", 0]]},
        "with a count below nothing": series | {"series": [["x", [], 1, 0], ["y", [], -1, 0], ["z", [], 1, 0]]},
        "with an unknown state": {"alerts": [{"alert": "A"}]},
    }
    return {
        "cut off": json.dumps(nothing)[:-5],
        "empty": "",
        "of another kind": "[]",
        "without times": json.dumps({name: each for name, each in nothing.items() if name != "times"}),
        "no text": "\udcff",
        **{name: json.dumps(nothing | each) for name, each in wrong.items()},
    }


def test_files_that_are_not_damaged(tmp_path: Path) -> None:
    """The content that the damaged ones are made from."""
    whole: dict[str, object] = {
        "format": 3,
        "at": 0,
        "alerts": [],
        "series": [["x", [], 1, 0]],
        "times": "AQAAAAAAAAA=",
        "ends": "",
    }
    (tmp_path / FILE).write_text(json.dumps(whole | {"values": "AQAAAAAAAAA="}))
    kept = StateFile(tmp_path).load()
    assert kept is not None
    assert [list(each.times) for each in kept.series] == [[1]]


@pytest.mark.parametrize("content", damaged().values(), ids=damaged().keys())
def test_a_damaged_or_newer_file_is_renamed(content: str, tmp_path: Path) -> None:
    """It is reported once and renamed, so that the next start works."""
    (tmp_path / FILE).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(StateFileError, match=r"cannot be parsed \(.*\); it is renamed to alerts.unreadable"):
        StateFile(tmp_path).load()
    assert StateFile(tmp_path).load() is None
    assert (tmp_path / "alerts.unreadable").read_bytes() == content.encode("utf-8", "surrogateescape")


def test_a_reader_leaves_a_damaged_file_alone(tmp_path: Path) -> None:
    """Only the exporter that owns it renames it; a file that is not damaged is read as by its owner."""
    file = StateFile(tmp_path)
    assert file.peek() is None
    path = tmp_path / FILE
    path.write_text("{")
    with pytest.raises(StateFileError, match=r"cannot be parsed .*; the exporter renames it at its next start"):
        file.peek()
    assert [each.name for each in tmp_path.iterdir()] == [FILE]
    file.save(SavedState(5.0, {}, ()))
    assert file.peek() == file.load() == SavedState(5.0, {}, ())


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    """Neither writing nor reading works; the error names the path."""
    (tmp_path / "file").touch()
    broken = StateFile(tmp_path / "file" / "state")
    with pytest.raises(StateFileError, match="cannot be written: "):
        broken.save(SavedState(0.0, {}, ()))
    with pytest.raises(StateFileError, match="cannot be read: "):
        broken.load()


def test_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full, the previous file is kept, and no temporary file is left."""
    StateFile(tmp_path).save(SavedState(1.0, {}, ()))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateFileError, match="No space left on device"):
        StateFile(tmp_path).save(SavedState(2.0, {}, ()))
    kept = StateFile(tmp_path).load()
    assert kept is not None
    assert kept.at == 1.0
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
