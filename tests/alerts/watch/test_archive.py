"""What a history tells of a watch afterwards, and which day it is compared with."""

from __future__ import annotations

import pytest

from alerts.history import History
from alerts.watch.archive import Dossier, dossier, elapsed_of, latest
from alerts.watch.clock import Moment
from alerts.watch.model import Direction, State, Verdict, Watch
from tests.alerts.watch.stage import Stage, states_of
from tests.alerts.watch.worlds import HOUR, INTERVAL

MINUTES = round(HOUR / INTERVAL)


@pytest.fixture
def stage(tmp_path) -> Stage:
    return Stage(tmp_path / "state").up()


def told(stage: Stage, number: int | None = None) -> Dossier:
    with stage.read() as opened:
        watch = latest(opened) if number is None else opened.get(Watch, number)
        assert watch is not None
        return dossier(opened, watch, stage.moment)


def watched(stage: Stage, *, backlog: float = 5) -> None:
    """One watch to its end."""
    stage.shown = {"backlog_jobs": backlog}
    assert stage.ask("start").granted
    stage.look(MINUTES + 2)


def test_a_watch_that_is_over_is_told_as_it_was_judged(stage):
    """With its ticks, counted from its begin; nothing to compare the first one with."""
    stage.look()
    watched(stage)
    found = told(stage)
    assert found.judgement.final
    assert found.judgement.verdict is Verdict.PASS
    assert [round(tick.elapsed / INTERVAL) for tick in found.ticks] == list(range(1, MINUTES + 1))
    assert found.comparison is None


def test_a_watch_that_runs_is_judged_as_of_now(stage):
    """Also by who is not the exporter, and after the exporter has gone."""
    stage.begin()
    stage.look(10)
    stage.down(kill=True).wait(10 * INTERVAL)
    found = told(stage)
    assert not found.judgement.final
    assert found.judgement.elapsed == 20 * INTERVAL
    assert found.judgement.gaps[-1].span.seconds == 10 * INTERVAL
    stage.wait(2 * HOUR)
    with stage.read() as opened:
        assert elapsed_of(opened, found.watch, stage.moment) == HOUR


def test_a_later_watch_is_compared_with_the_latest_that_passed(stage):
    """Not with the one that failed in between."""
    stage.look()
    watched(stage)
    watched(stage, backlog=2000)
    watched(stage, backlog=50)
    assert states_of(stage.watches()) == [State.PASSED, State.FAILED, State.PASSED]
    comparison = told(stage).comparison
    assert comparison is not None
    assert comparison.against.startswith("watch 1 (PASS, 2025-11-18 ")
    backlog = next(each for each in comparison.signals if each.signal == "outbox:backlog_jobs")
    assert (backlog.direction, backlog.median, backlog.median_before) == (Direction.WORSE, 50, 5)


def test_a_first_watch_is_compared_with_the_day_before(stage):
    """As far as the exporter was there."""
    stage.look(30 * 60)
    watched(stage, backlog=50)
    comparison = told(stage).comparison
    assert comparison is not None
    assert comparison.against == "the day before"
    assert any(each.direction is Direction.WORSE for each in comparison.signals)


def test_nothing_was_watched(stage):
    """There is no latest one."""
    stage.look()
    with stage.read() as opened:
        assert latest(opened) is None


def test_on_another_machine_the_wall_clock_tells_how_far_it_is(stage):
    """A report may be made where the history was copied to."""
    stage.begin()
    stage.look(10)
    with History.reader(stage.directory) as opened:
        watch = latest(opened)
        assert watch is not None
        assert elapsed_of(opened, watch, Moment(stage.now + 60, 7.0, "elsewhere")) == 11 * INTERVAL
