"""The record of a past watch in a history."""

from __future__ import annotations

import pytest

from alerts.watch.analysis.archive import WatchRecord, elapsed_of, latest, load_watch
from alerts.watch.clock import WatchTime
from alerts.watch.model.watch import Verdict, Watch
from alerts.watch.store.history import History
from tests.alerts.watch.fixtures import HOUR, INTERVAL
from tests.alerts.watch.scenario import WatchScenario

MINUTES = round(HOUR / INTERVAL)


@pytest.fixture
def scenario(tmp_path) -> WatchScenario:
    return WatchScenario(tmp_path / "state").up()


def record_of(scenario: WatchScenario, number: int | None = None) -> WatchRecord:
    with scenario.read() as opened:
        watch = latest(opened) if number is None else opened.get(Watch, number)
        assert watch is not None
        return load_watch(opened, watch, scenario.moment)


def watched(scenario: WatchScenario, *, backlog: float = 5) -> None:
    """One watch to its end."""
    scenario.shown = {"backlog_jobs": backlog}
    assert scenario.ask("start").granted
    scenario.evaluate(MINUTES + 2)


def test_a_closed_watch_keeps_its_judgement(scenario):
    """With its ticks, counted from its begin."""
    scenario.evaluate()
    watched(scenario)
    found = record_of(scenario)
    assert found.judgement.final
    assert found.judgement.verdict is Verdict.PASS
    assert [round(tick.elapsed / INTERVAL) for tick in found.ticks] == list(range(1, MINUTES + 1))


def test_an_open_watch_is_evaluated_as_of_now(scenario):
    """Also by who is not the exporter, and after the exporter has gone."""
    scenario.begin()
    scenario.evaluate(10)
    scenario.down(kill=True).wait(10 * INTERVAL)
    found = record_of(scenario)
    assert not found.judgement.final
    assert found.judgement.elapsed == 20 * INTERVAL
    assert found.judgement.gaps[-1].span.seconds == 10 * INTERVAL
    scenario.wait(2 * HOUR)
    with scenario.read() as opened:
        assert elapsed_of(opened, found.watch, scenario.moment) == HOUR


def test_nothing_was_watched(scenario):
    """There is no latest one."""
    scenario.evaluate()
    with scenario.read() as opened:
        assert latest(opened) is None


def test_on_another_machine_the_wall_clock_gives_the_elapsed_time(scenario):
    """A report may be made where the history was copied to."""
    scenario.begin()
    scenario.evaluate(10)
    with History.reader(scenario.directory) as opened:
        watch = latest(opened)
        assert watch is not None
        assert elapsed_of(opened, watch, WatchTime(scenario.now + 60, 7.0, "elsewhere")) == 11 * INTERVAL
