"""The state directory is checked once a minute; a failure is logged once, shown and measured."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from exporter.app.state import StateCheck
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading

LOST = "the watch, declared maintenance, the states of alerts and undelivered notifications are lost at a restart"


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_directory_that_takes_files(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Nothing is logged and nothing is left in it."""
    caplog.set_level(logging.INFO)
    check = StateCheck(tmp_path)
    check.check(0)
    assert (check.problem, check.readings()) == ("", (Reading(catalogue.STATE_STORED, True),))
    assert events(caplog) == []
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_said_before_the_first_check(tmp_path: Path):
    """The server answers scrapes before anything else has started."""
    assert StateCheck(tmp_path).readings() == ()


def test_a_directory_that_takes_none(caplog: pytest.LogCaptureFixture):
    """One warning says why and what is lost; the page has the same; the metric is 0."""
    check = StateCheck(Path("/proc/nope"))
    for now in (0, 59, 60, 120):
        check.check(now)
    reason = "the directory /proc/nope cannot be made in /proc: its file system takes none"
    assert events(caplog) == [("WARNING", "state is not stored")]
    assert caplog.records[0].__dict__["fields"] == {"reason": reason, "consequence": LOST}
    assert check.problem == f"{reason}; {LOST}"
    assert check.readings() == (Reading(catalogue.STATE_STORED, False),)
    assert check.readings() is check.readings()


def test_another_exporter_uses_it(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """The same, until it ends; noticed within a minute."""
    caplog.set_level(logging.INFO)
    reasons = ["in use"]
    check = StateCheck(tmp_path, lambda: reasons[0])
    check.check(0)
    assert check.problem == f"in use; {LOST}"
    reasons[0] = ""
    check.check(59)
    assert check.problem
    check.check(60)
    assert (check.problem, check.readings()) == ("", (Reading(catalogue.STATE_STORED, True),))
    assert events(caplog) == [("WARNING", "state is not stored"), ("INFO", "state is stored again")]
