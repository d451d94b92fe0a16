"""Watches begin, are recorded and end; through restarts, blind stretches and clocks that are set."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import pytest

from alerts.custody import LOCK
from alerts.history import FILE, History
from alerts.model import Alert, RuleKey, Severity
from alerts.model import State as AlertState
from alerts.watch import keeper as keeping
from alerts.watch.model import Cause, Judgement, State, Verdict, Watch
from alerts.watch.recorder import Recorder, View
from alerts.watch.records import Request, Run
from exporter.config import Seconds, WatchSettings
from exporter.errors import Reason
from exporter.migration.maintenance import FILE as MAINTENANCE
from exporter.migration.maintenance import Ledger
from exporter.model import Server
from exporter.snapshot import CollectorState, Target
from tests.alerts.watch import worlds
from tests.alerts.watch.live import Exporter
from tests.alerts.watch.stage import Stage, failing, judgement_of, states_of
from tests.alerts.watch.worlds import DAY, HOUR, INTERVAL, result

MINUTES = round(HOUR / INTERVAL)


@pytest.fixture
def stage(tmp_path) -> Stage:
    return Stage(tmp_path / "state").up()


def test_before_any_watch(stage):
    """Nothing is known before the first look; then it waits to be told."""
    assert stage.recorder is not None
    assert stage.recorder.view.state is None
    view = stage.look()
    assert (view.state, view.watch, view.judgement, view.trouble) == (State.WAITING, None, None, "")
    assert view.waiting_for == "outbox-exporter watch start"


def test_a_clean_watch_from_beginning_to_end(stage):
    """Running, with its times; passed at the end and not before."""
    view = stage.begin()
    assert view.watch is not None
    assert (view.state, view.watch.number, view.watch.begun_by) == (State.RUNNING, 1, "manual")
    assert view.watch.ends_at == view.watch.started_at + HOUR
    view = stage.look(MINUTES)
    assert view.state is State.RUNNING
    assert judgement_of(view).verdict is None
    view = stage.look()
    assert view.state is State.PASSED, judgement_of(view).reasons
    assert view.watch is not None
    assert view.watch.decided_at == view.watch.closed_at == stage.now
    assert judgement_of(view).final
    assert judgement_of(view).ticks == MINUTES
    with stage.read() as opened:
        assert opened.get(Judgement, 1) == view.judgement
        assert opened.get(Watch, 1) == view.watch


def test_failed_at_once_and_observed_until_its_end(stage):
    """The moment of the verdict stays; the report has the whole of it."""
    stage.begin()
    stage.look(10)
    stage.shown = {"backlog_jobs": 5000}
    assert stage.look(5).state is State.RUNNING
    view = stage.look()
    failed_at = stage.now
    assert view.state is State.FAILED
    assert view.watch is not None
    assert (view.watch.decided_at, view.watch.closed_at) == (failed_at, None)
    stage.shown = {}
    view = stage.look(MINUTES - 15)
    assert view.watch is not None
    assert (view.state, view.watch.decided_at) == (State.FAILED, failed_at)
    assert view.watch.closed_at == stage.now
    assert judgement_of(view).ticks == MINUTES


def test_a_request_is_answered_between_two_looks(stage):
    """One watch at a time; what is stopped proves nothing."""
    stage.look()
    assert stage.ask("stop").answer == "no watch runs"
    assert stage.ask("start").answer == "watch 1 has begun"
    refused = stage.ask("start")
    assert (refused.granted, refused.answer) == (False, "watch 1 runs already; stop it first")
    stage.look(30)
    assert stage.ask("stop", "deploying a fix").granted
    assert stage.recorder is not None
    view = stage.recorder.view
    assert view.state is State.INCONCLUSIVE
    assert "deploying a fix" in judgement_of(view).summary
    assert stage.ask("start").answer == "watch 2 has begun"


def test_between_watches_a_look_a_minute_is_kept(stage):
    """Four times as many say no more of the hours that a watch is compared with; in a watch, each counts."""
    quarters(stage, 9)
    assert [tick.at - worlds.START for tick in stage.ticks()] == [15, 75, 135]
    assert stage.ask("start").granted
    quarters(stage, 8)
    assert len(stage.ticks()) == 3 + 8
    assert stage.ask("stop").granted
    quarters(stage, 8)
    assert len(stage.ticks()) == 3 + 8 + 2


def test_what_begins_a_watch_is_not_overlooked_between_them(tmp_path):
    """Neither the migration nor a request waits for the minute to pass."""
    stage = Stage(tmp_path, start="migration", registered=False).up()
    assert quarters(stage, 2).state is State.WAITING
    stage.registered = True
    assert quarters(stage, 1).state is State.RUNNING
    stage = Stage(tmp_path / "by hand").up()
    quarters(stage, 2)
    with History.guest(stage.directory) as opened:
        opened.put(77, Request("start", stage.now, ""))
    assert quarters(stage, 1).state is State.RUNNING


def quarters(stage: Stage, count: int) -> View:
    """So many evaluations, a quarter of a minute apart, as by default."""
    assert stage.recorder is not None
    for _ in range(count):
        stage.wait(15.0)
        stage.recorder.observe(*stage.evaluated(), stage.moment, stage.steady)
    return stage.recorder.view


def test_after_a_fail_a_new_one_may_begin_at_once(stage):
    """Its observation ends then; both are kept."""
    stage.begin()
    stage.shown = {"backlog_jobs": 5000}
    stage.look(10)
    stage.shown = {}
    assert stage.ask("start").granted
    stage.look(MINUTES + 1)
    assert states_of(stage.watches()) == [State.FAILED, State.PASSED]
    assert stage.watches()[0].closed_at is not None


def test_the_same_evaluation_is_one_tick(stage):
    """However often it is heard."""
    stage.look()
    assert stage.recorder is not None
    evaluation, states = stage.evaluated()
    for _ in range(3):
        stage.recorder.observe(evaluation, states, stage.moment, stage.steady)
    assert len(stage.ticks()) == 1


@pytest.mark.parametrize("kill", [True, False])
def test_restarted_it_goes_on(stage, kill):
    """The gap is as long as it was down, and says whether that was in good order; nothing is counted twice."""
    stage.begin()
    stage.look(20)
    stage.down(kill=kill).wait(3 * INTERVAL)
    view = stage.up().look(MINUTES - 22)
    assert view.state is State.PASSED, judgement_of(view).reasons
    (gap,) = judgement_of(view).gaps
    assert gap.cause is (Cause.EXPORTER_DOWN if kill else Cause.EXPORTER_STOPPED)
    assert gap.span.seconds == 4 * INTERVAL
    assert judgement_of(view).exporter_restarts == 1
    assert len(stage.ticks()) == MINUTES - 1


def test_down_at_its_end_it_is_judged_afterwards(stage):
    """What nobody saw is not passed."""
    stage.begin()
    stage.look(20)
    stage.down(kill=True).wait(2 * HOUR)
    view = stage.up().look()
    assert view.state is State.INCONCLUSIVE
    assert judgement_of(view).elapsed == HOUR
    assert judgement_of(view).gaps[-1].span.seconds == HOUR - 20 * INTERVAL


def test_another_version_judges_by_the_terms_of_the_beginning(stage):
    """An upgrade may change the checks; not those of a watch that runs."""
    before = stage.begin().watch
    stage.down()
    stage.plan = replace(worlds.plan(HOUR, application=False), version="2.0.0")
    view = stage.up().look(5)
    assert view.watch is not None
    assert before is not None
    assert view.watch.checks == before.checks
    with stage.read() as opened:
        assert [run.version for run in opened.all(Run).values()] == ["1.2.3", "2.0.0"]


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_clock_is_set(stage, seconds):
    """The watch lasts as long as it should, and its planned end moves along."""
    stage.begin()
    stage.look(20)
    stage.step(seconds)
    view = stage.look(MINUTES - 20)
    assert view.state is State.RUNNING
    assert view.watch is not None
    assert view.watch.ends_at == pytest.approx(stage.now, abs=INTERVAL)
    assert [each.seconds for each in judgement_of(view).clock_steps] == [seconds]
    assert stage.look().state in (State.PASSED, State.INCONCLUSIVE)
    assert [round(tick.elapsed) for tick in stage.ticks()] == [60 * number for number in range(MINUTES + 2)]


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_the_clock_is_set_while_it_is_down(stage, seconds):
    """In the same boot the gap is as long as it was; the step is on record."""
    stage.begin()
    stage.look(20)
    stage.down(kill=True).wait(2 * INTERVAL).step(seconds)
    view = stage.up().look(5)
    assert judgement_of(view).gaps[0].span.seconds == 3 * INTERVAL
    assert [each.seconds for each in judgement_of(view).clock_steps] == [seconds]


def test_after_another_boot_the_wall_clock_counts(stage):
    """There is no other; back it never goes."""
    stage.begin()
    stage.look(20)
    stage.down(kill=True).boot(120)
    view = stage.up().look(5)
    assert judgement_of(view).gaps[0].span.seconds == 120 + INTERVAL
    stage.down(kill=True).boot(-HOUR)
    view = stage.up().look(5)
    assert judgement_of(view).elapsed == pytest.approx(120 + 30 * INTERVAL - INTERVAL, abs=1)
    assert [each.seconds for each in judgement_of(view).clock_steps] == [-HOUR + INTERVAL]


def test_what_collectors_lack_is_not_seen(stage):
    """A lock on one table: its signals are unknown, the gap has its cause, the others go on."""
    stage.begin()
    stage.look(5)
    stage.change = failing(Reason.LOCK, "backlog", "throughput")
    stage.look(3)
    stage.change = lambda state: state
    view = stage.look(5)
    (gap,) = judgement_of(view).gaps
    assert (gap.cause, gap.affects, gap.span.seconds) == (Cause.LOCK, ("backlog", "throughput"), 3 * INTERVAL)
    tick = stage.ticks()[7]
    assert "outbox:backlog_jobs" not in tick.values
    assert "outbox:drain_time_seconds" not in tick.values
    assert "outbox:app_healthy" in tick.values


def alert(name: str, severity: Severity, *, held: bool = False, state: AlertState = AlertState.FIRING) -> Alert:
    return Alert(RuleKey(name, severity), (), state, 0.0, 1.0, 0.0, 0.0, held=held)


def test_alerts_are_recorded(stage):
    """Those that fire, apart from those held; never the dead-man's switch."""
    stage.firing = (
        alert("OutboxStalled", Severity.PAGE),
        alert("OutboxStalled", Severity.PAGE),
        alert("OutboxHeadBlocked", Severity.PAGE, held=True),
        alert("OutboxBacklogHigh", Severity.PAGE, state=AlertState.PENDING),
        alert("OutboxWatchdog", Severity.NONE),
    )
    stage.look()
    (tick,) = stage.ticks()
    assert (tick.firing, tick.held) == (("OutboxStalled/page",), ("OutboxHeadBlocked/page",))


def test_declared_maintenance_is_recorded_with_its_reason(stage):
    """From the ledger itself; one that cannot be read is unknown."""
    stage.look()
    Ledger(stage.directory).start(stage.now, HOUR, "rollback")
    stage.look()
    (stage.directory / MAINTENANCE).write_text("{")
    stage.look()
    before, during, torn = stage.ticks()
    assert (before.maintenance, during.maintenance, torn.maintenance) == (False, True, None)
    assert during.maintenance_reason == "rollback"


# --- on a standby


def standby(state: CollectorState) -> CollectorState:
    """All that asks the database is answered by a standby that is fresh."""
    asks = state.target is not Target.APPLICATION
    return replace(state, server=Server(in_recovery=True, address="10.0.0.8:5432", lag=0.5)) if asks else state


def test_a_watch_of_a_standby_never_passes(stage):
    """All is well as far as it shows; who begins the watch is told, the gap has its cause, nothing is proved."""
    stage.change = standby
    stage.look()
    assert stage.ask("start").answer == (
        "watch 1 has begun; a standby answers, and what it shows proves nothing: while it does, the watch cannot pass; "
        "connect to the primary (with several hosts in the DSN: target_session_attrs=primary)"
    )
    view = stage.look(MINUTES + 1)
    assert view.state is State.INCONCLUSIVE
    (gap,) = judgement_of(view).gaps
    assert gap.cause is Cause.STANDBY
    assert gap.cause.value == "a standby answered"


def test_a_watch_of_a_standby_never_fails(stage):
    """A backlog and an alert that only a standby shows may be over."""
    stage.change = standby
    stage.shown = {"backlog_jobs": 5000}
    stage.firing = (alert("OutboxStalled", Severity.PAGE), alert("OutboxAppUnreachable", Severity.TICKET))
    stage.begin()
    stage.look(20)
    tick = stage.ticks()[-1]
    assert (tick.firing, tick.held) == (("OutboxAppUnreachable/ticket",), ("OutboxStalled/page",))
    stage.firing = ()
    view = stage.look(MINUTES)
    assert view.state is State.INCONCLUSIVE


def test_a_watch_that_a_standby_answers_for_a_moment_may_pass(stage):
    """As with any short gap; and who begins the next one on the primary is warned of nothing."""
    stage.begin()
    stage.look(10)
    stage.change = standby
    stage.look(2)
    assert stage.recorder is not None
    assert stage.recorder.warning
    stage.change = lambda state: state
    assert stage.look(MINUTES).state is State.PASSED
    assert not stage.recorder.warning
    assert stage.ask("start").answer == "watch 2 has begun"


def test_the_register_of_a_standby_begins_no_watch(tmp_path):
    """What is registered there may have been rolled back; a person is told how to begin."""
    stage = Stage(tmp_path, start="migration", registered=True).up()
    stage.change = standby
    view = stage.look(3)
    assert view.state is State.WAITING
    assert view.waiting_for == (
        "supabase_migrations.schema_migrations is asked of a standby: begin the watch by hand, "
        "outbox-exporter watch start"
    )
    stage.change = lambda state: state
    assert stage.look().state is State.RUNNING


# --- what begins a watch by itself


def test_the_migration_begins_a_watch(tmp_path):
    """When its versions are first registered; once."""
    stage = Stage(tmp_path, start="migration", registered=False).up()
    view = stage.look(3)
    assert (view.state, view.waiting_for) == (
        State.WAITING,
        "the migration's versions in supabase_migrations.schema_migrations",
    )
    stage.registered = True
    view = stage.look()
    assert view.watch is not None
    assert (view.state, view.watch.begun_by) == (State.RUNNING, "migration")
    stage.look(MINUTES + 1)
    stage.down()
    stage.up().look(10)
    assert len(stage.watches()) == 1


def test_registered_before_we_came_it_begins_at_first_sight(tmp_path):
    """The exporter is often installed together with the migration."""
    assert Stage(tmp_path, start="migration").up().look().state is State.RUNNING


def test_rolled_back_and_applied_again_it_begins_again(tmp_path):
    """Through a restart in between, too."""
    stage = Stage(tmp_path, start="migration").up()
    stage.look(MINUTES + 2)
    stage.registered = False
    stage.look(2)
    stage.down().up()
    stage.registered = True
    stage.look()
    assert states_of(stage.watches()) == [State.PASSED, State.RUNNING]


def test_a_register_that_is_not_visible_begins_nothing_and_is_told(tmp_path):
    """Unknown is neither applied nor not."""
    stage = Stage(tmp_path, start="migration", registered=None).up()
    view = stage.look(3)
    assert view.state is State.WAITING
    assert "is not visible: begin the watch by hand" in view.waiting_for


@pytest.mark.parametrize(("late", "begins"), [(-60, False), (0, True), (1800, True), (3700, False)])
def test_a_time_begins_a_watch(tmp_path, late, begins):
    """Then, or a little later if nobody was there; not when it would be over."""
    stage = Stage(tmp_path, start="2025-11-18T10:01:00Z", now=worlds.START + late).up()
    view = stage.look()
    assert (view.state is State.RUNNING) == begins
    if begins:
        stage.look(MINUTES + 2)
        assert len(stage.watches()) == 1


# --- when the disk does not do its part


def test_a_directory_that_is_a_file(tmp_path):
    """The state is unknown and says why; as soon as it is mended, it records, and knows since when it could not."""
    (tmp_path / "state").write_text("")
    stage = Stage(tmp_path / "state").up()
    view = stage.look(3)
    assert view.state is None
    assert "cannot be opened" in view.trouble
    (tmp_path / "state").unlink()
    view = stage.look()
    assert (view.state, view.trouble) == (State.WAITING, "")
    assert stage.ticks()[0].before is Cause.NOT_WRITTEN


def test_what_cannot_be_written_was_not_seen(stage, monkeypatch):
    """Coverage suffers while it lasts, the verdict waits, and the gap has its cause."""
    monkeypatch.setattr("alerts.history._PATIENCE", 0.01)
    stage.begin()
    before = judgement_of(stage.look(10))
    with closing(sqlite3.connect(stage.directory / FILE, isolation_level=None)) as obstacle:
        obstacle.execute("BEGIN EXCLUSIVE")
        view = stage.look(3)
        assert view.state is State.RUNNING
        assert "locked" in view.trouble
        obstacle.execute("ROLLBACK")
    after = stage.look(3)
    assert after.trouble == ""
    (gap,) = judgement_of(after).gaps
    assert (gap.cause, gap.span.seconds) == (Cause.NOT_WRITTEN, 4 * INTERVAL)
    assert judgement_of(after).ratio < before.ratio == 1.0
    assert judgement_of(after).exporter_restarts == 0


def test_blind_at_the_end_nothing_is_decided_before_it_can_be_written(stage, monkeypatch):
    """A verdict that is not on disk would be another one after a restart."""
    monkeypatch.setattr("alerts.history._PATIENCE", 0.01)
    stage.begin()
    stage.look(MINUTES - 8)
    with closing(sqlite3.connect(stage.directory / FILE, isolation_level=None)) as obstacle:
        obstacle.execute("BEGIN EXCLUSIVE")
        view = stage.look(12)
        assert view.state is State.RUNNING
        assert judgement_of(view).ratio < 0.9
        obstacle.execute("ROLLBACK")
    assert stage.look().state is State.INCONCLUSIVE


def test_a_second_exporter_waits_for_the_first(stage):
    """It says so, and takes over when the first has gone."""
    stage.begin()
    first = stage.recorder
    assert first is not None
    second = stage.up().look()
    assert "in use by another exporter" in second.trouble
    first.close(stage.moment)
    view = stage.look()
    assert (view.state, view.trouble) == (State.RUNNING, "")


def test_a_later_versions_history_is_left_alone(stage):
    """Its watch is unknown to this one, not waiting."""
    stage.begin()
    stage.down()
    with closing(sqlite3.connect(stage.directory / FILE)) as connection:
        connection.execute("PRAGMA user_version = 9")
    content = (stage.directory / FILE).read_bytes()
    view = stage.up().look(3)
    assert view.state is None
    assert "later version" in view.trouble
    assert (stage.directory / FILE).read_bytes() == content


def damage(stage: Stage, statement: str) -> None:
    with closing(sqlite3.connect(stage.directory / FILE)) as connection, connection:
        connection.execute(statement)


def test_a_damaged_history_is_set_aside_and_its_watch_is_lost_in_sight_of_all(stage):
    """INCONCLUSIVE, with its number and why; the next one can begin; the damaged file is kept."""
    stage.begin()
    stage.look(10)
    stage.down(kill=True)
    damage(stage, "UPDATE ticks SET at = at + 1 WHERE t = (SELECT max(t) FROM ticks)")
    view = stage.up().look()
    assert view.state is State.INCONCLUSIVE
    assert view.watch is not None
    assert (view.watch.number, view.watch.stopped) == (1, "its history was damaged")
    assert len(list(stage.directory.glob("history.damaged-*.sqlite"))) == 1
    assert stage.ask("start").answer == "watch 2 has begun"
    assert stage.look(MINUTES + 2).state is State.PASSED


def test_damaged_beyond_recognition_a_watch_may_have_run(stage):
    """Nobody knows, so nobody is told that all is well."""
    stage.begin()
    stage.down()
    (stage.directory / FILE).write_bytes(b"x" * 5000)
    view = stage.up().look()
    assert view.state is State.INCONCLUSIVE


def test_damaged_after_a_fail_it_stays_failed(stage):
    """What was certain is not undone by a disk."""
    stage.begin()
    stage.shown = {"backlog_jobs": 5000}
    stage.look(10)
    stage.down()
    damage(stage, "UPDATE ticks SET at = at + 1 WHERE t = (SELECT max(t) FROM ticks)")
    assert stage.up().look().state is State.FAILED


def test_damaged_without_a_watch_nothing_is_lost(stage):
    """It waits, as before."""
    stage.look(5)
    stage.down()
    damage(stage, "UPDATE ticks SET at = at + 1 WHERE t = (SELECT max(t) FROM ticks)")
    assert stage.up().look().state is State.WAITING
    assert len(list(stage.directory.glob("history.damaged-*.sqlite"))) == 1


def test_a_bug_in_here_ends_nothing(stage, monkeypatch):
    """The next look may do better; until then it is said."""
    stage.begin()
    broken = lambda *_: 1 / 0  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr("alerts.watch.judge.Judge.hear", broken)
        assert "internal error" in stage.look(2).trouble
    view = stage.look(2)
    assert view.trouble == ""
    assert len(stage.ticks()) == 3


def test_a_watch_ends_though_nobody_evaluates(stage):
    """Alerts that can no longer be judged must not leave a watch running for ever."""
    stage.begin()
    states = []
    for seconds in (60, stage.duration):
        stage.recorder.heed(stage.wait(seconds).moment)
        states.append(stage.recorder.view.state)
    assert states == [State.RUNNING, State.INCONCLUSIVE]


def test_while_nobody_asks_and_nothing_ends_it_costs_nothing(stage):
    """Heeding comes every few seconds for all of a watch."""
    stage.begin()
    stage.look()
    stage.recorder.heed(stage.wait(1).moment)
    statements: list[str] = []
    stage.recorder._keeper.history._connection.set_trace_callback(statements.append)
    stage.recorder.heed(stage.wait(60).moment)
    assert statements == []
    assert stage.ask("stop").granted
    assert statements


def test_every_collector_runs_once_more_before_the_end_and_after_the_beginning(tmp_path):
    """So that figures reach from one to the other: asked once each, in every watch, and not in between."""
    asked: list[float] = []
    made = Stage(tmp_path, duration=1800.0)
    settings = WatchSettings(Seconds(1800.0), "manual", tmp_path)
    made.recorder = Recorder(
        settings, worlds.plan(1800.0), lambda: asked.append(made.now - worlds.START), lead=3 * worlds.INTERVAL
    )
    made.look(5)
    assert asked == []
    for number in (1, 2):
        made.begin()
        began = made.now - worlds.START
        made.look(40)
        first, last = asked[2 * number - 2 :]
        assert first == began
        assert last == began + 1800 - 3 * worlds.INTERVAL


def test_figures_are_of_the_samples_within_the_watch(stage):
    """A tick says how old the samples behind its counters are; growth is counted from the first within the watch."""
    stage.begin()

    def aged(state: CollectorState) -> CollectorState:
        if state.name != "events":
            return state
        return replace(state, succeeded=stage.steady - 400, succeeded_at=stage.now - 400, expires=stage.steady + 1)

    stage.change = aged
    view = stage.look(10)
    assert {tick.values["sample_age:events"] for tick in stage.ticks()[-10:]} == {400.0}
    assert {tick.values["sample_age:throughput"] for tick in stage.ticks()[-10:]} == {0.0}
    found = judgement_of(view).reconciliation
    assert found is not None
    assert found.events == 240 / 2 - 120 / 2 + 60 / 2  # samples of 20 s to 200 s, of which the first is the beginning
    assert found.processed == 540


def test_closed_it_lets_go(stage):
    """Nothing is written any more, and nobody has to wait."""
    stage.look()
    recorder = stage.recorder
    assert recorder is not None
    recorder.close(stage.moment)
    recorder.close(stage.moment)
    recorder.observe(*stage.evaluated(), stage.moment, stage.steady)
    recorder.heed(stage.moment)
    assert len(stage.ticks()) == 1
    History.writer(stage.directory).close()


def test_old_watches_are_forgotten(stage, monkeypatch):
    """The latest are kept whole, and lately seen ticks."""
    monkeypatch.setattr(keeping, "KEPT", 2)
    monkeypatch.setattr(keeping, "LOOSE", 600.0)
    monkeypatch.setattr(keeping, "_TIDY", INTERVAL)
    stage.begin()
    for _ in range(3):
        stage.look(MINUTES + 30)
        assert stage.ask("start").granted
    stage.look()
    watches = stage.watches()
    assert [watch.number for watch in watches] == [3, 4]
    third = watches[0]
    with stage.read() as opened:
        assert list(opened.all(Judgement)) == [3]
        assert not list(opened.ticks(-1, third.started - 601))
        assert len(list(opened.ticks(third.started, third.started + HOUR))) == MINUTES
        assert len(list(opened.ticks(third.started - 600, third.started))) == 600 / INTERVAL


def test_without_any_watch_the_history_stays_small(stage, monkeypatch):
    """What was seen lately is kept, for comparison; however long nobody begins a watch, however often it crashes."""
    monkeypatch.setattr(keeping, "LOOSE", 2 * HOUR)
    monkeypatch.setattr(keeping, "_RUNS", 5)
    for _ in range(10):
        stage.look(MINUTES)
        stage.down(kill=True).up()
    stage.look()
    ticks = stage.ticks()
    assert ticks[-1].elapsed - ticks[0].elapsed <= 3 * HOUR + INTERVAL
    assert len(ticks) >= 2 * MINUTES
    with stage.read() as opened:
        assert list(opened.all(Run)) == [7, 8, 9, 10, 11]


def test_heeding_and_observing_at_once_bends_no_time(tmp_path):
    """Two threads look at the clock in whatever order: no step is invented, and each second counts once."""
    with Exporter(tmp_path, duration=600) as exporter:
        for _ in range(300):
            exporter.recorder.heed()
            time.sleep(0.002)
        view = exporter.recorder.view
    assert view.trouble == ""
    with History.reader(tmp_path) as opened:
        ticks = list(opened.ticks(-1))
    assert not [tick.step for tick in ticks if tick.step]
    assert ticks[-1].elapsed - ticks[0].elapsed == pytest.approx(ticks[-1].at - ticks[0].at, abs=0.1)


def test_a_whole_day(tmp_path):
    """As a user has it: cleaned at three, 24 hours, PASS."""
    stage = Stage(tmp_path, duration=DAY).up()
    stage.begin()
    view = stage.look(round(DAY / INTERVAL) + 1)
    assert judgement_of(view).verdict is Verdict.PASS, judgement_of(view).reasons
    assert result(judgement_of(view), "cleanup_ran").verdict is Verdict.PASS
    assert (tmp_path / LOCK).exists()


FULL = """
import pathlib, resource, sys
from alerts.watch.model import Cause
from tests.alerts.watch.stage import Stage

stage = Stage(pathlib.Path(sys.argv[1])).up()
stage.begin()
stage.look(5)
size = (stage.directory / "history.sqlite").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
view = stage.look(60)
assert view.trouble, "the disk took sixty looks more"
assert view.state == "running"
written = len(stage.ticks())
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
after = stage.look()
assert after.state == "inconclusive", after
(gap,) = after.judgement.gaps
assert gap.cause is Cause.NOT_WRITTEN
assert gap.span.seconds > 60
assert view.judgement.ratio < 1, "coverage suffers while it lasts"
print("lost", 66 + 1 - written)
"""


def test_a_full_disk(tmp_path):
    """The watch goes on blind, says so, and judges by what it could write."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("lost "), done.stdout + done.stderr
