"""Progress: a line that is redrawn on a terminal, plain lines in a log, and events in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.watch.clock import WatchTime
from alerts.watch.commands.wait import WaitOptions, wait_for_verdict
from alerts.watch.model.tick import Cause
from alerts.watch.model.watch import WatchState
from tests.alerts.watch.scenario import WatchScenario


@pytest.fixture
def scenario(tmp_path: Path) -> WatchScenario:
    scenario = WatchScenario(tmp_path / "state").up()
    scenario.begin()
    return scenario


def printed(scenario: WatchScenario, *, terminal: bool, timeout: float = 1e9) -> tuple[list[str], WatchState | None]:
    """The output of `wait` during an hour, one minute for each of its ticks."""
    lines: list[str] = []

    def sleep(_: float) -> None:
        if scenario.recorder:
            scenario.evaluate()
        else:
            scenario.wait(60)

    waiting = WaitOptions(scenario.directory, timeout, begins_by_itself=False, terminal=terminal)
    watch = wait_for_verdict(
        waiting, lines.append, lambda: WatchTime(scenario.now, scenario.steady, scenario.era), sleep
    )
    return lines, watch.state if watch else None


def test_in_a_log_there_are_plain_lines(scenario):
    """One a minute, and the verdict with its reasons at the end."""
    lines, state = printed(scenario, terminal=False)
    assert state is WatchState.PASSED
    assert all(line.endswith("\n") and "\x1b" not in line and "\r" not in line for line in lines)
    assert "watch 1, 50 % done, 30 min left" in "".join(lines)
    assert 50 < len(lines) < 70
    assert lines[-2] == "watch 1: PASS\n"


def test_on_a_terminal_one_line_is_redrawn(scenario, monkeypatch):
    """Not wider than the terminal, with events above it."""
    monkeypatch.setenv("COLUMNS", "40")
    scenario.shown = {"backlog_jobs": 5000}
    lines, state = printed(scenario, terminal=True)
    assert state is WatchState.FAILED
    assert all(line.startswith("\r\x1b[K") for line in lines)
    drawn = [line for line in lines if "\n" not in line]
    assert drawn
    assert all(len(line.removeprefix("\r\x1b[K")) <= 39 for line in drawn)
    assert any("FAIL: The backlog exceeded" in line for line in lines)


def test_an_absent_exporter_ends_the_wait(scenario):
    """At the timeout, and not before."""
    scenario.evaluate(5)
    scenario.down(kill=True)
    lines, state = printed(scenario, terminal=False, timeout=600)
    assert state is None
    assert lines[-1] == f"no exporter has been running on {scenario.directory} for 10m\n"
    assert scenario.steady - 1000 > 600
    assert Cause.EXPORTER_DOWN.value in "".join(lines)
