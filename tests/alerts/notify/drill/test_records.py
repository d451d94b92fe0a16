"""Results of drills, over restarts."""

from __future__ import annotations

import pytest

from alerts.notify.drill.confirmation import Confirmation
from alerts.notify.drill.records import DrillRecord, DrillRecords

REACHED, REFUSED = Confirmation("it accepted the alert"), Confirmation("", "no answer")


def records(tmp_path, now=100.0, schedule="Tue", receivers=("a", "b")) -> DrillRecords:
    return DrillRecords(tmp_path, schedule, receivers, now)


def reloaded(tmp_path, **changes) -> dict[str, DrillRecord]:
    found = records(tmp_path, **{"now": 900.0, **changes})
    found.load()
    return found.all()


def test_results(tmp_path):
    """A success clears the problem; a problem keeps the last success; other receivers are ignored."""
    found = records(tmp_path)
    assert found.all() == {"a": DrillRecord(100), "b": DrillRecord(100)}
    found.add("a", REFUSED, 200)
    found.add("c", REACHED, 200)
    assert found.all()["a"] == DrillRecord(100, problem="no answer")
    found.add("a", REACHED, 210)
    assert found.all()["a"] == DrillRecord(100, 210, "it accepted the alert")
    found.add("a", REFUSED, 300)
    assert found.all() == {"a": DrillRecord(100, 210, "it accepted the alert", "no answer"), "b": DrillRecord(100)}
    assert [found.succeeded_since("a", at) for at in (210, 211)] == [True, False]
    assert not found.succeeded_since("b", 0)


def test_kept_over_a_restart(tmp_path):
    """A receiver that is new since then has missed nothing."""
    found = records(tmp_path)
    found.add("a", REACHED, 210)
    found.save()
    assert reloaded(tmp_path) == {"a": DrillRecord(100, 210, "it accepted the alert"), "b": DrillRecord(100)}
    assert reloaded(tmp_path, receivers=("a", "new")) == {
        "a": DrillRecord(100, 210, "it accepted the alert"),
        "new": DrillRecord(900),
    }


def test_another_schedule_begins_anew(tmp_path):
    """Drills of the new schedule before its configuration were not missed."""
    records(tmp_path).save()
    assert reloaded(tmp_path, schedule="Wed") == {"a": DrillRecord(900), "b": DrillRecord(900)}


def test_written_only_when_changed(tmp_path):
    """Once a week, not at each wake-up of the worker."""
    found = records(tmp_path)
    found.save()
    (tmp_path / "drill.json").unlink()
    found.save()
    assert not (tmp_path / "drill.json").exists()
    found.add("b", REACHED, 210)
    found.save()
    assert (tmp_path / "drill.json").exists()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 1}', '{"format": 1, "schedule": "Tue", "receivers": {"a": {}}}']
)
def test_a_damaged_file(tmp_path, text):
    """The records of now remain."""
    (tmp_path / "drill.json").write_text(text)
    found = records(tmp_path)
    with pytest.raises(ValueError, match=r"."):
        found.load()
    assert found.all() == {"a": DrillRecord(100), "b": DrillRecord(100)}


def test_without_a_file(tmp_path):
    """The first start."""
    assert reloaded(tmp_path / "none") == {"a": DrillRecord(900), "b": DrillRecord(900)}
