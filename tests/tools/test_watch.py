"""The table of checks in docs/watch.md."""

from __future__ import annotations

import pytest

from tools import watch


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each row, by the first one."""
    lines = [line.split(" | ") for line in watch.with_checks(text).splitlines() if line.startswith("| ")]
    return {cells[0].removeprefix("| "): cells[1:] for cells in lines}


def test_each_check_has_a_row():
    """With the budget for a watch of 24 hours: 2 % of it, but not longer than 15 minutes at a time."""
    found = rows(watch.PAGE.read_text("utf-8"))
    assert found["The migration stays intact (`migration`)"][1] == "28 min 48 s, 15 min at a time"
    assert len(found) > 10


def test_a_missing_marker_is_an_error():
    """Nothing is replaced without both markers."""
    with pytest.raises(ValueError, match="markers are missing"):
        watch.with_checks("# A page\n")


def test_the_page_is_up_to_date():
    """`make generate` writes it after a change of the checks."""
    text = watch.PAGE.read_text("utf-8")
    assert watch.with_checks(text) == text
