"""Watches through restarts and clock steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.model.hour import HourSummary
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Cause
from alerts.watch.model.watch import Verdict, WatchState
from alerts.watch.runtime import watch_manager
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import HOUR, INTERVAL
from tests.alerts.watch.scenario import WatchScenario, judgement_of, states_of

MINUTES = round(HOUR / INTERVAL)


@pytest.fixture
def scenario(tmp_path) -> WatchScenario:
    return WatchScenario(tmp_path / "state").up()


def test_after_a_fail_a_new_one_may_begin_at_once(scenario):
    """Its observation ends then; both are kept."""
    scenario.begin()
    scenario.shown = {"backlog_jobs": 5000}
    scenario.evaluate(10)
    scenario.shown = {}
    assert scenario.ask("start").granted
    scenario.evaluate(MINUTES + 1)
    assert states_of(scenario.watches()) == [WatchState.FAILED, WatchState.PASSED]
    assert scenario.watches()[0].closed_at is not None


@pytest.mark.parametrize("kill", [True, False])
def test_a_watch_continues_after_a_restart(scenario, kill):
    """The gap is as long as the downtime, and has whether the shutdown was clean; nothing is counted twice."""
    scenario.begin()
    scenario.evaluate(20)
    scenario.down(kill=kill).wait(3 * INTERVAL)
    view = scenario.up().evaluate(MINUTES - 22)
    assert view.state is WatchState.PASSED, judgement_of(view).reasons
    (gap,) = judgement_of(view).gaps
    assert gap.cause is (Cause.EXPORTER_DOWN if kill else Cause.EXPORTER_STOPPED)
    assert gap.span.seconds == 4 * INTERVAL
    assert judgement_of(view).exporter_restarts == 1
    assert len(scenario.ticks()) == MINUTES - 1


def test_a_watch_that_ended_while_the_exporter_was_down_is_closed_afterwards(scenario):
    """Missing time does not pass."""
    scenario.begin()
    scenario.evaluate(20)
    scenario.down(kill=True).wait(2 * HOUR)
    view = scenario.up().evaluate()
    assert view.state is WatchState.INCONCLUSIVE
    assert judgement_of(view).elapsed == HOUR
    assert judgement_of(view).gaps[-1].span.seconds == HOUR - 20 * INTERVAL


def test_a_running_watch_keeps_its_checks_over_an_upgrade(scenario):
    """An upgrade may change the checks; not those of a watch that runs."""
    before = scenario.begin().watch
    scenario.down()
    scenario.factory = replace(fixtures.factory(HOUR, application=False), version="2.0.0")
    view = scenario.up().evaluate(5)
    assert view.watch is not None
    assert before is not None
    assert view.watch.checks == before.checks
    with scenario.read() as opened:
        assert [run.version for run in opened.all(ExporterRun).values()] == ["1.2.3", "2.0.0"]


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_clock_is_set(scenario, seconds):
    """The watch lasts as long as it should, and its planned end moves along."""
    scenario.begin()
    scenario.evaluate(20)
    scenario.step(seconds)
    view = scenario.evaluate(MINUTES - 20)
    assert view.state is WatchState.RUNNING
    assert view.watch is not None
    assert view.watch.ends_at == pytest.approx(scenario.now, abs=INTERVAL)
    assert [each.seconds for each in judgement_of(view).clock_steps] == [seconds]
    assert scenario.evaluate().state in (WatchState.PASSED, WatchState.INCONCLUSIVE)
    assert [round(tick.elapsed) for tick in scenario.ticks()] == [60 * number for number in range(MINUTES + 2)]


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_clock_is_set_while_it_is_down(scenario, seconds):
    """In the same boot the gap is as long as it was; the step is on record."""
    scenario.begin()
    scenario.evaluate(20)
    scenario.down(kill=True).wait(2 * INTERVAL).step(seconds)
    view = scenario.up().evaluate(5)
    assert judgement_of(view).gaps[0].span.seconds == 3 * INTERVAL
    assert [each.seconds for each in judgement_of(view).clock_steps] == [seconds]


def test_after_another_boot_the_wall_clock_counts(scenario):
    """There is no other; back it never goes."""
    scenario.begin()
    scenario.evaluate(20)
    scenario.down(kill=True).boot(120)
    view = scenario.up().evaluate(5)
    assert judgement_of(view).gaps[0].span.seconds == 120 + INTERVAL
    scenario.down(kill=True).boot(-HOUR)
    view = scenario.up().evaluate(5)
    assert judgement_of(view).elapsed == pytest.approx(120 + 30 * INTERVAL - INTERVAL, abs=1)
    assert [each.seconds for each in judgement_of(view).clock_steps] == [-HOUR + INTERVAL]


def test_old_watches_are_removed(scenario, monkeypatch):
    """The latest are kept whole, and lately seen ticks."""
    monkeypatch.setattr(watch_manager, "KEPT", 2)
    monkeypatch.setattr(watch_manager, "RETAINED", 600.0)
    monkeypatch.setattr(watch_manager, "_CLEANUP_INTERVAL", INTERVAL)
    scenario.begin()
    for _ in range(3):
        scenario.evaluate(MINUTES + 30)
        assert scenario.ask("start").granted
    scenario.evaluate()
    watches = scenario.watches()
    assert [watch.number for watch in watches] == [3, 4]
    third = watches[0]
    with scenario.read() as opened:
        assert list(opened.all(Judgement)) == [3]
        assert not list(opened.ticks(-1, third.started - 601))
        assert len(list(opened.ticks(third.started, third.started + HOUR))) == MINUTES
        assert len(list(opened.ticks(third.started - 600, third.started))) == 600 / INTERVAL


def test_without_any_watch_the_history_stays_small(scenario, monkeypatch):
    """Recent ticks are kept for comparison, also without a watch and after many crashes."""
    monkeypatch.setattr(watch_manager, "RETAINED", 2 * HOUR)
    monkeypatch.setattr(watch_manager, "_MAX_RUNS", 5)
    for _ in range(10):
        scenario.evaluate(MINUTES)
        scenario.down(kill=True).up()
    scenario.evaluate()
    ticks = scenario.ticks()
    assert ticks[-1].elapsed - ticks[0].elapsed <= 3 * HOUR + INTERVAL
    assert len(ticks) >= 2 * MINUTES
    with scenario.read() as opened:
        assert list(opened.all(ExporterRun)) == [7, 8, 9, 10, 11]


def test_a_watch_is_compared_with_the_hours_before_it(tmp_path):
    """They are summarised as they pass; a watch that is much slower fails at its end, though within every limit."""
    scenario = WatchScenario(tmp_path / "state", duration=9 * HOUR).up()
    scenario.evaluate(2 * MINUTES + 1)
    first = int(fixtures.START // HOUR)
    with scenario.read() as opened:
        assert list(opened.all(HourSummary)) == [first, first + 1]
        summary = opened.all(HourSummary)[first]
    assert summary.usable
    assert summary.values["processing_time_before"] == 2.5
    with History.client(scenario.directory) as client, client.transaction():
        for number in range(first - 40 * 24, first):
            client.put(number, summary)
    watch = scenario.begin().watch
    assert watch is not None
    (check,) = (each for each in watch.checks if each.name == "processing_time_before")
    assert check.baseline is not None
    assert (check.baseline.days, check.baseline.same_weekday, check.baseline.spread) == (5, True, 0.0)
    scenario.shown = {"processing_time_p95_seconds": 50.0}
    view = scenario.evaluate(9 * MINUTES)
    assert view.state is WatchState.RUNNING
    view = scenario.evaluate(2)
    assert view.state is WatchState.FAILED
    assert [each.check.name for each in judgement_of(view).results if each.verdict is Verdict.FAIL] == [
        "processing_time_before"
    ]
    with scenario.read() as opened:
        assert min(opened.all(HourSummary)) == int(scenario.now // HOUR) - 35 * 24


def test_the_hours_of_a_failed_watch_are_no_baseline(scenario):
    """Neither is a history that is too short."""
    scenario.begin()
    scenario.shown = {"backlog_jobs": 5000}
    scenario.evaluate(2 * MINUTES)
    watch = scenario.begin().watch
    assert watch is not None
    reasons = {each.no_baseline for each in watch.checks if each.baseline_limit is not None}
    assert reasons == {"0 earlier days can be used, 3 are needed"}
