"""Watches begin, are recorded and end; through restarts, outages and clocks that are set."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pytest

from alerts.model import Alert, RuleKey, Severity
from alerts.model import State as AlertState
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Cause
from alerts.watch.model.watch import Verdict, Watch, WatchState
from alerts.watch.runtime.recorder import WatchRecorder, WatchView
from alerts.watch.store.database_file import FILE
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import LOCK
from alerts.watch.store.records import WatchRequest
from exporter.config.settings import WatchSettings
from exporter.core.types import Seconds
from exporter.metrics.readings import DatabaseServer
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import DAY, HOUR, INTERVAL, result
from tests.alerts.watch.live import Exporter
from tests.alerts.watch.scenario import WatchScenario, judgement_of

MINUTES = round(HOUR / INTERVAL)


@pytest.fixture
def scenario(tmp_path) -> WatchScenario:
    return WatchScenario(tmp_path / "state").up()


def test_before_any_watch(scenario):
    """Nothing is known before the first tick; then the recorder waits for a watch."""
    assert scenario.recorder is not None
    assert scenario.recorder.view.state is None
    view = scenario.evaluate()
    assert (view.state, view.watch, view.judgement, view.trouble) == (WatchState.WAITING, None, None, "")
    assert view.waiting_for == "outbox-exporter watch start"


def test_a_clean_watch_from_beginning_to_end(scenario):
    """Running, with its times; passed at the end and not before."""
    view = scenario.begin()
    assert view.watch is not None
    assert (view.state, view.watch.number, view.watch.begun_by) == (WatchState.RUNNING, 1, "manual")
    assert view.watch.ends_at == view.watch.started_at + HOUR
    view = scenario.evaluate(MINUTES)
    assert view.state is WatchState.RUNNING
    assert judgement_of(view).verdict is None
    view = scenario.evaluate()
    assert view.state is WatchState.PASSED, judgement_of(view).reasons
    assert view.watch is not None
    assert view.watch.decided_at == view.watch.closed_at == scenario.now
    assert judgement_of(view).final
    assert judgement_of(view).ticks == MINUTES
    with scenario.read() as opened:
        assert opened.get(Judgement, 1) == view.judgement
        assert opened.get(Watch, 1) == view.watch


def test_failed_at_once_and_observed_until_its_end(scenario):
    """The moment of the verdict stays; the report has the whole of it."""
    scenario.begin()
    scenario.evaluate(10)
    scenario.shown = {"backlog_jobs": 5000}
    assert scenario.evaluate(5).state is WatchState.RUNNING
    view = scenario.evaluate()
    failed_at = scenario.now
    assert view.state is WatchState.FAILED
    assert view.watch is not None
    assert (view.watch.decided_at, view.watch.closed_at) == (failed_at, None)
    scenario.shown = {}
    view = scenario.evaluate(MINUTES - 15)
    assert view.watch is not None
    assert (view.state, view.watch.decided_at) == (WatchState.FAILED, failed_at)
    assert view.watch.closed_at == scenario.now
    assert judgement_of(view).ticks == MINUTES


def test_a_request_is_processed_between_two_evaluations(scenario):
    """One watch at a time; a stopped watch is inconclusive."""
    scenario.evaluate()
    assert scenario.ask("stop").answer == "no watch is running"
    assert scenario.ask("start").answer == "watch 1 has begun"
    refused = scenario.ask("start")
    assert (refused.granted, refused.answer) == (False, "watch 1 is already running; stop it first")
    scenario.evaluate(30)
    assert scenario.ask("stop", "deploying a fix").granted
    assert scenario.recorder is not None
    view = scenario.recorder.view
    assert view.state is WatchState.INCONCLUSIVE
    assert "deploying a fix" in judgement_of(view).summary
    assert scenario.ask("start").answer == "watch 2 has begun"


def test_between_watches_a_tick_a_minute_is_recorded(scenario):
    """Four times as many ticks do not change the hours of the baseline; in a watch, each tick counts."""
    quarters(scenario, 9)
    assert [tick.at - fixtures.START for tick in scenario.ticks()] == [15, 75, 135]
    assert scenario.ask("start").granted
    quarters(scenario, 8)
    assert len(scenario.ticks()) == 3 + 8
    assert scenario.ask("stop").granted
    quarters(scenario, 8)
    assert len(scenario.ticks()) == 3 + 8 + 2


def test_a_watch_begins_without_waiting_for_the_minute(tmp_path):
    """Neither the migration nor a request waits for the minute to pass."""
    scenario = WatchScenario(tmp_path, start="migration", registered=False).up()
    assert quarters(scenario, 2).state is WatchState.WAITING
    scenario.registered = True
    assert quarters(scenario, 1).state is WatchState.RUNNING
    scenario = WatchScenario(tmp_path / "by hand").up()
    quarters(scenario, 2)
    with History.client(scenario.directory) as opened:
        opened.put(77, WatchRequest("start", scenario.now, ""))
    assert quarters(scenario, 1).state is WatchState.RUNNING


def quarters(scenario: WatchScenario, count: int) -> WatchView:
    """So many evaluations, a quarter of a minute apart, as by default."""
    assert scenario.recorder is not None
    for _ in range(count):
        scenario.wait(15.0)
        scenario.recorder.observe(*scenario.evaluated(), scenario.moment, scenario.steady)
    return scenario.recorder.view


def test_the_same_evaluation_is_one_tick(scenario):
    """The tick is recorded once."""
    scenario.evaluate()
    assert scenario.recorder is not None
    evaluation, states = scenario.evaluated()
    for _ in range(3):
        scenario.recorder.observe(evaluation, states, scenario.moment, scenario.steady)
    assert len(scenario.ticks()) == 1


def alert(name: str, severity: Severity, *, held: bool = False, state: AlertState = AlertState.FIRING) -> Alert:
    return Alert(RuleKey(name, severity), (), state, 0.0, 1.0, 0.0, 0.0, held=held)


def standby(state: CollectorState) -> CollectorState:
    """A fresh standby serves all queries."""
    asks = state.target is not CollectorTarget.APPLICATION
    return replace(state, server=DatabaseServer(in_recovery=True, address="10.0.0.8:5432", lag=0.5)) if asks else state


def test_a_watch_of_a_standby_never_passes(scenario):
    """The checks have no failure; `start` warns, the gap has its cause, and the verdict is inconclusive."""
    scenario.change = standby
    scenario.evaluate()
    assert scenario.ask("start").answer == (
        "watch 1 has begun; a standby answers, and its data is no evidence about the primary: meanwhile the watch "
        "cannot pass; connect to the primary (with several hosts in the DSN: target_session_attrs=primary)"
    )
    view = scenario.evaluate(MINUTES + 1)
    assert view.state is WatchState.INCONCLUSIVE
    (gap,) = judgement_of(view).gaps
    assert gap.cause is Cause.STANDBY
    assert gap.cause.value == "a standby answered"


def test_a_watch_of_a_standby_never_fails(scenario):
    """A backlog and an alert that only a standby shows may be over."""
    scenario.change = standby
    scenario.shown = {"backlog_jobs": 5000}
    scenario.firing = (alert("OutboxStalled", Severity.PAGE), alert("OutboxAppUnreachable", Severity.TICKET))
    scenario.begin()
    scenario.evaluate(20)
    tick = scenario.ticks()[-1]
    assert (tick.firing, tick.held) == (("OutboxAppUnreachable/ticket",), ("OutboxStalled/page",))
    scenario.firing = ()
    view = scenario.evaluate(MINUTES)
    assert view.state is WatchState.INCONCLUSIVE


def test_a_watch_that_a_standby_answers_for_a_moment_may_pass(scenario):
    """As with any short gap; and who begins the next one on the primary is warned of nothing."""
    scenario.begin()
    scenario.evaluate(10)
    scenario.change = standby
    scenario.evaluate(2)
    assert scenario.recorder is not None
    assert scenario.recorder.warning
    scenario.change = lambda state: state
    assert scenario.evaluate(MINUTES).state is WatchState.PASSED
    assert not scenario.recorder.warning
    assert scenario.ask("start").answer == "watch 2 has begun"


def test_a_directory_that_is_a_file(tmp_path):
    """Unknown with the reason; as soon as the file can be opened, recording starts, with the time of the gap."""
    (tmp_path / "state").write_text("")
    scenario = WatchScenario(tmp_path / "state").up()
    view = scenario.evaluate(3)
    assert view.state is None
    assert "cannot be opened" in view.trouble
    (tmp_path / "state").unlink()
    view = scenario.evaluate()
    assert (view.state, view.trouble) == (WatchState.WAITING, "")
    assert scenario.ticks()[0].before is Cause.NOT_WRITTEN


def test_ticks_that_cannot_be_written_are_missing(scenario, monkeypatch):
    """Coverage suffers while it lasts, the verdict waits, and the gap has its cause."""
    monkeypatch.setattr("alerts.watch.store.database_file._LOCK_TIMEOUT", 0.01)
    scenario.begin()
    before = judgement_of(scenario.evaluate(10))
    with closing(sqlite3.connect(scenario.directory / FILE, isolation_level=None)) as obstacle:
        obstacle.execute("BEGIN EXCLUSIVE")
        view = scenario.evaluate(3)
        assert view.state is WatchState.RUNNING
        assert "locked" in view.trouble
        obstacle.execute("ROLLBACK")
    after = scenario.evaluate(3)
    assert after.trouble == ""
    (gap,) = judgement_of(after).gaps
    assert (gap.cause, gap.span.seconds) == (Cause.NOT_WRITTEN, 4 * INTERVAL)
    assert judgement_of(after).ratio < before.ratio == 1.0
    assert judgement_of(after).exporter_restarts == 0


def test_a_watch_that_ends_while_the_disk_is_full_is_decided_later(scenario, monkeypatch):
    """A verdict that is not on disk would be another one after a restart."""
    monkeypatch.setattr("alerts.watch.store.database_file._LOCK_TIMEOUT", 0.01)
    scenario.begin()
    scenario.evaluate(MINUTES - 8)
    with closing(sqlite3.connect(scenario.directory / FILE, isolation_level=None)) as obstacle:
        obstacle.execute("BEGIN EXCLUSIVE")
        view = scenario.evaluate(12)
        assert view.state is WatchState.RUNNING
        assert judgement_of(view).ratio < 0.9
        obstacle.execute("ROLLBACK")
    assert scenario.evaluate().state is WatchState.INCONCLUSIVE


def test_a_second_exporter_waits_for_the_first(scenario):
    """It reports the lock, and takes over when the first process has ended."""
    scenario.begin()
    first = scenario.recorder
    assert first is not None
    second = scenario.up().evaluate()
    assert "in use by another exporter" in second.trouble
    first.close(scenario.moment)
    view = scenario.evaluate()
    assert (view.state, view.trouble) == (WatchState.RUNNING, "")


def test_a_later_versions_history_is_left_alone(scenario):
    """Its watch is unknown to this one, not waiting."""
    scenario.begin()
    scenario.down()
    with closing(sqlite3.connect(scenario.directory / FILE)) as connection:
        connection.execute("PRAGMA user_version = 9")
    content = (scenario.directory / FILE).read_bytes()
    view = scenario.up().evaluate(3)
    assert view.state is None
    assert "later version" in view.trouble
    assert (scenario.directory / FILE).read_bytes() == content


def damage(scenario: WatchScenario, statement: str) -> None:
    with closing(sqlite3.connect(scenario.directory / FILE)) as connection, connection:
        connection.execute(statement)


def test_a_damaged_history_is_renamed_and_its_watch_is_recorded_as_lost(scenario):
    """INCONCLUSIVE, with its number and why; the next one can begin; the damaged file is kept."""
    scenario.begin()
    scenario.evaluate(10)
    scenario.down(kill=True)
    damage(scenario, "UPDATE ticks SET at = at + 1 WHERE t = (SELECT max(t) FROM ticks)")
    view = scenario.up().evaluate()
    assert view.state is WatchState.INCONCLUSIVE
    assert view.watch is not None
    assert (view.watch.number, view.watch.stopped) == (1, "its history was damaged")
    assert len(list(scenario.directory.glob("history.damaged-*.sqlite"))) == 1
    assert scenario.ask("start").answer == "watch 2 has begun"
    assert scenario.evaluate(MINUTES + 2).state is WatchState.PASSED


def test_damaged_beyond_recognition_a_watch_may_have_run(scenario):
    """The state is unknown, so it is not reported as passing."""
    scenario.begin()
    scenario.down()
    (scenario.directory / FILE).write_bytes(b"x" * 5000)
    view = scenario.up().evaluate()
    assert view.state is WatchState.INCONCLUSIVE


def test_damaged_after_a_fail_it_stays_failed(scenario):
    """A damaged history does not change a certain result."""
    scenario.begin()
    scenario.shown = {"backlog_jobs": 5000}
    scenario.evaluate(10)
    scenario.down()
    damage(scenario, "UPDATE ticks SET at = at + 1 WHERE t = (SELECT max(t) FROM ticks)")
    assert scenario.up().evaluate().state is WatchState.FAILED


def test_damaged_without_a_watch_nothing_is_lost(scenario):
    """It waits, as before."""
    scenario.evaluate(5)
    scenario.down()
    damage(scenario, "UPDATE ticks SET at = at + 1 WHERE t = (SELECT max(t) FROM ticks)")
    assert scenario.up().evaluate().state is WatchState.WAITING
    assert len(list(scenario.directory.glob("history.damaged-*.sqlite"))) == 1


@pytest.mark.parametrize(("backlog", "state"), [(0, WatchState.INCONCLUSIVE), (5000, WatchState.FAILED)])
def test_a_watch_whose_history_was_removed_is_not_waiting_to_begin(scenario, backlog, state):
    """It is recorded as lost, or stays failed, with its number; the next one can begin."""
    scenario.begin()
    scenario.shown = {"backlog_jobs": backlog}
    scenario.evaluate(10)
    (scenario.directory / FILE).unlink()
    view = scenario.evaluate()
    assert view.watch is not None
    assert (view.state, view.watch.number, view.watch.stopped) == (state, 1, "its history was removed")
    assert scenario.ask("start").answer == "watch 2 has begun"


def test_a_history_that_comes_back_is_resumed_at_once(scenario):
    """After a volume was unmounted for a while, also where nothing is recorded because no watch is open."""
    scenario.begin()
    scenario.evaluate(10)
    scenario.directory.rename(scenario.directory.with_name("volume"))
    assert scenario.evaluate(2).state is WatchState.INCONCLUSIVE
    shutil.rmtree(scenario.directory)
    scenario.directory.with_name("volume").rename(scenario.directory)
    view = scenario.evaluate()
    assert (view.state, view.trouble) == (WatchState.RUNNING, "")
    assert scenario.ask("stop").granted


def test_a_history_removed_without_a_watch_loses_nothing(scenario):
    """It waits, as before, and takes requests at once."""
    scenario.evaluate(5)
    (scenario.directory / FILE).unlink()
    assert scenario.evaluate().state is WatchState.WAITING
    assert scenario.ask("start").answer == "watch 1 has begun"


def test_a_bug_in_here_ends_nothing(scenario, monkeypatch):
    """The next tick may succeed; until then the error is reported."""
    scenario.begin()
    broken = lambda *_: 1 / 0  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr("alerts.watch.analysis.verdict.WatchEvaluator.add", broken)
        assert "internal error" in scenario.evaluate(2).trouble
    view = scenario.evaluate(2)
    assert view.trouble == ""
    assert len(scenario.ticks()) == 3


def test_a_watch_ends_without_an_evaluation(scenario):
    """Alerts that can no longer be evaluated must not leave a watch running for ever."""
    scenario.begin()
    states = []
    for seconds in (60, scenario.duration):
        scenario.recorder.process_requests(scenario.wait(seconds).moment)
        states.append(scenario.recorder.view.state)
    assert states == [WatchState.RUNNING, WatchState.INCONCLUSIVE]


def test_without_requests_the_history_is_only_checked_for_changes(scenario):
    """Requests are processed every few seconds."""
    scenario.begin()
    scenario.evaluate()
    scenario.recorder.process_requests(scenario.wait(1).moment)
    statements: list[str] = []
    scenario.recorder._manager.history._connection.set_trace_callback(statements.append)
    scenario.recorder.process_requests(scenario.wait(60).moment)
    assert statements == ["PRAGMA data_version"]
    assert scenario.ask("stop").granted
    assert len(statements) > 1


def test_every_collector_runs_once_more_before_the_end_and_after_the_beginning(tmp_path):
    """So that figures reach from one to the other: asked once each, in every watch, and not in between."""
    asked: list[float] = []
    made = WatchScenario(tmp_path, duration=1800.0)
    settings = WatchSettings(Seconds(1800.0), "manual", tmp_path)
    made.recorder = WatchRecorder(
        settings, fixtures.factory(1800.0), lambda: asked.append(made.now - fixtures.START), lead=3 * fixtures.INTERVAL
    )
    made.evaluate(5)
    assert asked == []
    for number in (1, 2):
        made.begin()
        began = made.now - fixtures.START
        made.evaluate(40)
        first, last = asked[2 * number - 2 :]
        assert first == began
        assert last == began + 1800 - 3 * fixtures.INTERVAL
    made.down()


def test_figures_are_of_the_samples_within_the_watch(scenario):
    """A tick has the age of the samples of its counters; growth is counted from the first within the watch."""
    scenario.begin()

    def aged(state: CollectorState) -> CollectorState:
        if state.name != "events":
            return state
        return replace(
            state, succeeded=scenario.steady - 400, succeeded_at=scenario.now - 400, expires=scenario.steady + 1
        )

    scenario.change = aged
    view = scenario.evaluate(10)
    assert {tick.values["sample_age:events"] for tick in scenario.ticks()[-10:]} == {400.0}
    assert {tick.values["sample_age:throughput"] for tick in scenario.ticks()[-10:]} == {0.0}
    found = judgement_of(view).reconciliation
    assert found is not None
    assert found.events == 240 / 2 - 120 / 2 + 60 / 2  # samples of 20 s to 200 s, of which the first is the beginning
    assert found.processed == 540


def test_closed_it_lets_go(scenario):
    """Nothing is written any more, and no caller waits."""
    scenario.evaluate()
    recorder = scenario.recorder
    assert recorder is not None
    recorder.close(scenario.moment)
    recorder.close(scenario.moment)
    recorder.observe(*scenario.evaluated(), scenario.moment, scenario.steady)
    recorder.process_requests(scenario.moment)
    assert len(scenario.ticks()) == 1
    History.writer(scenario.directory).close()


def test_concurrent_requests_and_evaluations_keep_the_time_line(tmp_path):
    """Two threads tick at the clock in whatever order: no step is invented, and each second counts once."""
    with Exporter(tmp_path, duration=600) as exporter:
        for _ in range(300):
            exporter.recorder.process_requests()
            time.sleep(0.002)
        view = exporter.recorder.view
    assert view.trouble == ""
    with History.reader(tmp_path) as opened:
        ticks = list(opened.ticks(-1))
    assert not [tick.step for tick in ticks if tick.step]
    assert ticks[-1].elapsed - ticks[0].elapsed == pytest.approx(ticks[-1].at - ticks[0].at, abs=0.1)


def test_a_whole_day(tmp_path):
    """As a user has it: cleaned at three, 24 hours, PASS."""
    scenario = WatchScenario(tmp_path, duration=DAY).up()
    scenario.begin()
    view = scenario.evaluate(round(DAY / INTERVAL) + 1)
    assert judgement_of(view).verdict is Verdict.PASS, judgement_of(view).reasons
    assert result(judgement_of(view), "cleanup_ran").verdict is Verdict.PASS
    assert (tmp_path / LOCK).exists()


FULL = """
import pathlib, resource, sys
from alerts.watch.model.tick import Cause
from tests.alerts.watch.scenario import WatchScenario

scenario = WatchScenario(pathlib.Path(sys.argv[1])).up()
scenario.begin()
scenario.evaluate(5)
size = (scenario.directory / "history.sqlite").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
view = scenario.evaluate(60)
assert view.trouble, "the disk had room for sixty evaluations more"
assert view.state == "running"
written = len(scenario.ticks())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
after = scenario.evaluate()
assert after.state == "inconclusive", after
(gap,) = after.judgement.gaps
assert gap.cause is Cause.NOT_WRITTEN
assert gap.span.seconds > 60
assert view.judgement.ratio < 1, "coverage suffers while it lasts"
print("lost", 66 + 1 - written)
"""


def test_a_full_disk(tmp_path):
    """The watch continues without samples, reports it, and its verdict rests on the recorded ticks."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("lost "), done.stdout + done.stderr
