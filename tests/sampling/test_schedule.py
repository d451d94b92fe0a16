"""Collectors run at once and at their intervals, one run at a time, whatever fails and however clocks are set."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exporter.config.settings import ApplicationSettings, Config, SamplingSettings
from exporter.core.errors import Reason, Unreachable
from exporter.core.types import Ratio, Seconds, Url
from exporter.metrics import catalogue as names
from exporter.metrics.readings import CollectorOutcome, CollectorRun, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore
from exporter.sampling.run import ScheduledCollector
from exporter.sampling.sampler import Sampler
from exporter.sampling.schedule import Schedule

TIMEOUT = 10.0
OUTCOME = CollectorOutcome((Reading(names.HEAD_BLOCKED_JOBS, 0),))
# A budget that no test exhausts unless it wants to.
GENEROUS = SamplingSettings(interval=Seconds(0.1), budget_ratio=Ratio(1.0))
HOUR = 3600.0


class Scripted:
    """A collector with a configurable result; `entered` is released once per run."""

    def __init__(self, name: str, act: Callable[[], CollectorOutcome] = lambda: OUTCOME) -> None:
        self.name = name
        self.entered = threading.Semaphore(0)
        self._act = act

    def collect(self) -> CollectorOutcome:
        self.entered.release()
        return self._act()

    def wait(self) -> None:
        """Until it has been called once more."""
        assert self.entered.acquire(timeout=TIMEOUT), f"{self.name} did not run"


class Blocking(Scripted):
    """A collector that stays inside until `go` is set."""

    def __init__(self, name: str) -> None:
        super().__init__(name, self._block)
        self.go = threading.Event()

    def _block(self) -> CollectorOutcome:
        assert self.go.wait(TIMEOUT)
        return OUTCOME


class RunRecorder:
    """Records finished runs, and lets a test wait for them."""

    def __init__(self) -> None:
        self.runs: list[tuple[CollectorRun, float, CollectorState]] = []
        self._changed = threading.Condition()

    def __call__(self, run: CollectorRun, interval: float, before: CollectorState) -> None:
        with self._changed:
            self.runs.append((run, interval, before))
            self._changed.notify_all()

    def wait(self, collector: str, count: int = 1) -> list[CollectorRun]:
        """The runs of this collector, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._of(collector)) >= count, TIMEOUT)
            return self._of(collector)

    def _of(self, collector: str) -> list[CollectorRun]:
        return [run for run, _, _ in self.runs if run.collector == collector]


@contextmanager
def scheduled(
    *entries: ScheduledCollector, settings: SamplingSettings = GENEROUS
) -> Iterator[tuple[Schedule, SnapshotStore, RunRecorder]]:
    store, ledger = SnapshotStore(entry.state for entry in entries), RunRecorder()
    schedule = Schedule(entries, store, settings, ledger)
    schedule.start()
    try:
        yield schedule, store, ledger
    finally:
        for entry in entries:
            if isinstance(entry.collector, Blocking):
                entry.collector.go.set()
        schedule.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def database_entry(collector: Scripted, interval: float = HOUR) -> ScheduledCollector:
    return ScheduledCollector(collector, CollectorTarget.DATABASE, interval)


def state_of(store: SnapshotStore, name: str) -> CollectorState:
    return next(state for state in store.states() if state.name == name)


def test_every_collector_runs_at_once():
    """The first sample does not wait an interval, and the snapshot store has the result."""
    backlog, events = Scripted("backlog"), Scripted("events")
    with scheduled(database_entry(backlog), database_entry(events)) as (_, store, ledger):
        ledger.wait("backlog")
        ledger.wait("events")
        assert [state.runs for state in store.states()] == [1, 1]
        assert state_of(store, "events").readings == OUTCOME.readings


def test_collectors_due_at_once_run_in_their_order():
    """Critical collectors are first, and never wait for informational ones: at the start, later, after a step."""
    order = ["throughput", "events", "backlog"]
    entries = [database_entry(Scripted(name), 0.2) for name in order]
    with scheduled(*entries) as (schedule, _, ledger):
        ledger.wait(order[-1], 2)
        schedule._clock_offset += HOUR
        schedule.check_clock()
        ledger.wait(order[-1], 3)
        assert [run.collector for run, _, _ in ledger.runs[:9]] == 3 * order


def test_collectors_that_may_take_long_run_last():
    """Those in one thread wait for each other: critical ones and maintenance never for informational ones."""
    sampling = Sampler(Config(application=ApplicationSettings(Url("http://localhost:1"))), lambda *_: None)
    names = [state.name for state in sampling.store.states()]
    assert names[:3] == ["backlog", "throughput", "maintenance"]
    assert set(names[3:]) == {"last_hour", "events", "idempotency", "migration", "tables", "application"}


def test_a_run_that_is_still_going_on_is_skipped_and_counted():
    """Never a second one beside it, none queued behind it; when it ends, the next turn is a normal one."""
    slow = Blocking("backlog")
    with scheduled(database_entry(slow, 0.05)) as (_, store, ledger):
        slow.wait()
        until(lambda: state_of(store, "backlog").skipped >= 3)
        assert not slow.entered.acquire(blocking=False)
        assert state_of(store, "backlog").runs == 0
        slow.go.set()
        ledger.wait("backlog", 2)


def test_database_collectors_never_run_side_by_side():
    """They share one connection, so they share one thread."""
    first, second = Blocking("backlog"), Scripted("events")
    with scheduled(database_entry(first), database_entry(second)) as (_, _, ledger):
        first.wait()
        assert not second.entered.acquire(timeout=0.2)
        first.go.set()
        ledger.wait("events")


def test_work_in_turn_waits_for_the_collector_that_runs():
    """It has the thread of the database collectors to itself; once stopped, nothing is run."""
    blocking, seen = Blocking("backlog"), threading.Event()
    with scheduled(database_entry(blocking)) as (schedule, _, _):
        blocking.wait()
        schedule.run_in_turn(seen.set)
        assert not seen.is_set()
        blocking.go.set()
        assert seen.wait(TIMEOUT)
        schedule.halt()
        schedule.run_in_turn(lambda: pytest.fail("it was stopped"))


def test_a_hanging_database_does_not_hold_up_the_application():
    """Nor the other way round: each target has a thread of its own."""
    database, application = Blocking("backlog"), Scripted("application")
    with scheduled(database_entry(database), ScheduledCollector(application, CollectorTarget.APPLICATION, 0.05)) as (
        _,
        store,
        ledger,
    ):
        database.wait()
        ledger.wait("application", 3)
        assert state_of(store, "backlog").runs == 0


def test_a_raising_collector_is_counted_and_released(caplog):
    """The guard opens on every path out: it fails again and again, and is never skipped for it."""

    def act() -> CollectorOutcome:
        raise ZeroDivisionError

    with scheduled(database_entry(Scripted("backlog", act), 0.05)) as (_, store, ledger):
        ledger.wait("backlog", 3)
        assert state_of(store, "backlog").failures[Reason.INTERNAL] >= 3
        assert state_of(store, "backlog").skipped == 0
    assert "collector raised" in caplog.text


def test_an_expensive_collector_runs_less_often_and_shows_its_interval():
    """Its interval and its results' life are stretched to the budget, and come back with the first cheap run."""
    slow = Blocking("backlog")
    settings = SamplingSettings(interval=Seconds(0.05), budget_ratio=Ratio(0.1), max_interval=Seconds(HOUR))
    with scheduled(database_entry(slow, 0.05), settings=settings) as (_, store, ledger):
        slow.wait()
        time.sleep(0.1)  # the cost
        slow.go.set()
        (run,) = ledger.wait("backlog")
        stretched = ledger.runs[0][1]
        assert 0 <= stretched - run.duration / 0.1 <= 0.05  # in step with the samples
        assert stretched >= 1
        state = state_of(store, "backlog")
        assert state.expires is not None
        assert state.expires - run.finished == pytest.approx(3 * stretched)
        ledger.wait("backlog", 2)
        assert ledger.runs[1][1] == 0.05
        after = ledger.runs[1][0]
        assert (after.finished - after.duration) - (run.finished - run.duration) >= 0.9 * stretched


def test_a_longer_interval_stays_aligned():
    """It is planned a whole number of intervals after it was due, however long it took: one wake-up serves all."""
    backlog, events = Blocking("backlog"), Scripted("events", lambda: CollectorOutcome(OUTCOME.readings, rows=60))
    settings = SamplingSettings(interval=Seconds(0.5), budget_ratio=Ratio(1.0), rows_per_second=100)
    entries = database_entry(backlog, 0.5), database_entry(events, 0.5)
    with scheduled(*entries, settings=settings) as (schedule, _, ledger):
        backlog.wait()
        time.sleep(0.1)
        backlog.go.set()
        ledger.wait("events")
        until(lambda: schedule._scheduler.get_job("events").trigger.interval_length == 1)
        first, second = (schedule._scheduler.get_job(name).next_run_time for name in ("backlog", "events"))
        apart = (second - first).total_seconds()
        assert apart % 0.5 == pytest.approx(1e-6, abs=5e-7)
        assert ledger.runs[1][1] == 1


def test_a_late_run_is_planned_from_its_start():
    """Skipped runs do not delay it."""
    slow = Blocking("backlog")
    settings = SamplingSettings(interval=Seconds(0.1), budget_ratio=Ratio(0.01), max_interval=Seconds(HOUR))
    with scheduled(database_entry(slow, 0.1), settings=settings) as (schedule, store, ledger):
        begun = time.time()
        slow.wait()
        until(lambda: state_of(store, "backlog").skipped >= 3)
        slow.go.set()
        ledger.wait("backlog")
        planned = schedule._scheduler.get_job("backlog").next_run_time.timestamp()
        assert planned - begun == pytest.approx(ledger.runs[0][1], abs=0.2)


def test_waiting_for_the_application_costs_the_database_nothing():
    """The budget is the database's: the application collector keeps its interval however long it takes."""
    slow = Blocking("application")
    settings = SamplingSettings(interval=Seconds(0.05), budget_ratio=Ratio(0.001))
    with scheduled(ScheduledCollector(slow, CollectorTarget.APPLICATION, 0.05), settings=settings) as (
        _,
        store,
        ledger,
    ):
        slow.wait()
        time.sleep(0.05)  # a thousandth of fifty seconds
        slow.go.set()
        ledger.wait("application", 3)
        assert state_of(store, "application").interval == 0.05


def test_the_listener_gets_the_state_before():
    """So that one line is logged when a collector breaks, not one per failure."""
    with scheduled(database_entry(Scripted("backlog"), 0.05)) as (_, _, ledger):
        ledger.wait("backlog", 2)
        befores = [before.runs for _, _, before in ledger.runs[:2]]
    assert befores == [0, 1]


def test_all_collectors_run_at_once_after_a_clock_step():
    """A wall clock set back by an hour would stop all sampling for that long: the caller prevents it."""
    backlog = Scripted("backlog")
    with scheduled(database_entry(backlog)) as (schedule, _, ledger):
        ledger.wait("backlog")
        schedule._clock_offset += HOUR  # as if measured before the clock was set back
        schedule.check_clock()
        ledger.wait("backlog", 2)
        assert schedule._clock_offset == pytest.approx(time.time() - time.monotonic(), abs=1)


def test_a_steady_clock_changes_no_plan():
    """Slewing is not stepping."""
    backlog = Scripted("backlog")
    with scheduled(database_entry(backlog)) as (schedule, _, ledger):
        ledger.wait("backlog")
        schedule._clock_offset += 0.5
        schedule.check_clock()
        backlog.wait()
        assert not backlog.entered.acquire(timeout=0.2)


def test_all_run_soon_on_request():
    """Hourly collectors run with the next that are due, and once however often it is requested."""
    often, rare, other = Scripted("backlog"), Scripted("events"), Scripted("application")
    entries = (
        database_entry(often, 0.3),
        database_entry(rare),
        ScheduledCollector(other, CollectorTarget.APPLICATION, HOUR),
    )
    with scheduled(*entries, settings=SamplingSettings(interval=Seconds(0.3), budget_ratio=Ratio(1.0))) as (
        schedule, store, ledger,
    ):  # fmt: skip
        for collector in (often, rare, other):
            collector.wait()
        ledger.wait("backlog", 2)
        schedule.run_soon()
        schedule.run_soon()
        (_, asked), (_, other_asked) = ledger.wait("events", 2), ledger.wait("application", 2)
        together = min(ledger.wait("backlog", 4), key=lambda run: abs(run.finished - asked.finished))
        assert abs(together.finished - asked.finished) < 0.1
        assert abs(together.finished - other_asked.finished) < 0.1
        ledger.wait("backlog", 6)
        assert state_of(store, "events").runs == state_of(store, "application").runs == 2


def test_where_all_are_rare_they_run_within_a_sampling_interval():
    """Requests do not wait for the next run when that is far away."""
    rare = Scripted("events")
    settings = SamplingSettings(interval=Seconds(0.2), budget_ratio=Ratio(1.0))
    with scheduled(database_entry(rare), settings=settings) as (schedule, _, ledger):
        ledger.wait("events")
        began = time.monotonic()
        schedule.run_soon()
        assert ledger.wait("events", 2)[1].finished - began < TIMEOUT / 2
        schedule.halt()
        schedule.run_soon()
        rare.wait()
        rare.wait()
        assert not rare.entered.acquire(timeout=0.3)
    schedule.run_soon()


def test_stopping_waits_for_the_run_under_way():
    """It keeps its own deadline; its result is still noted."""
    slow = Blocking("backlog")
    with scheduled(database_entry(slow)) as (_, store, _):
        slow.wait()
        threading.Timer(0.1, slow.go.set).start()
    assert state_of(store, "backlog").runs == 1


def test_a_run_that_was_broken_off_is_not_passed_on():
    """Every stop and every reload would log a failure of the database otherwise. It is recorded all the same."""
    entered, go = threading.Event(), threading.Event()

    def act() -> CollectorOutcome:
        entered.set()
        assert go.wait(TIMEOUT)
        raise Unreachable("the exporter is stopping")

    with scheduled(database_entry(Scripted("backlog", act))) as (schedule, store, ledger):
        assert entered.wait(TIMEOUT)
        schedule.halt()
        go.set()
    assert state_of(store, "backlog").runs == 1
    assert ledger.runs == []


def test_a_run_that_waits_for_its_thread_is_not_begun_after_the_halt():
    """With a client that is closed already, it would be a failure without information."""
    first, second = Blocking("backlog"), Scripted("events")
    with scheduled(database_entry(first), database_entry(second, 0.05)) as (schedule, store, _):
        first.wait()
        until(lambda: state_of(store, "events").skipped > 0)  # so one waits
        schedule.halt()
        first.go.set()
        schedule.stop()
        assert [state.runs for state in store.states()] == [1, 0]


def test_a_second_stop_waits_as_well():
    """And when it was never started, there is nothing to wait for."""
    Schedule([], SnapshotStore(), GENEROUS, RunRecorder()).stop()
    slow = Blocking("backlog")
    with scheduled(database_entry(slow)) as (schedule, _, ledger):
        slow.wait()
        stoppers = [threading.Thread(target=schedule.stop) for _ in range(2)]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join(0.1)
        assert all(stopper.is_alive() for stopper in stoppers)
        slow.go.set()
        for stopper in stoppers:
            stopper.join(TIMEOUT)
        assert not any(stopper.is_alive() for stopper in stoppers)
        assert len(ledger.runs) == 1


def test_a_run_that_changes_its_interval_does_not_hold_up_stopping():
    """A sample that is broken off took long: its new interval must not keep the program from ending."""
    slow = Blocking("backlog")
    settings = SamplingSettings(interval=Seconds(0.05), budget_ratio=Ratio(0.001), max_interval=Seconds(HOUR))
    store, ledger = SnapshotStore([database_entry(slow).state]), RunRecorder()
    schedule = Schedule([database_entry(slow, 0.05)], store, settings, ledger)
    schedule.start()
    slow.wait()
    stopper = threading.Thread(target=schedule.stop, daemon=True)
    stopper.start()
    time.sleep(0.1)  # until it waits
    slow.go.set()
    stopper.join(TIMEOUT)
    assert not stopper.is_alive()
    assert len(ledger.runs) == 1


def test_nothing_runs_after_stopping_and_no_thread_is_left():
    """Stopping is final."""
    threads = threading.active_count()
    backlog = Scripted("backlog")
    with scheduled(database_entry(backlog, 0.05)) as (_, store, ledger):
        ledger.wait("backlog", 2)
    runs = state_of(store, "backlog").runs
    assert threading.active_count() == threads
    time.sleep(0.2)
    assert state_of(store, "backlog").runs == runs
