"""Manages the watches of a history: begins them, records their ticks, and closes them.

A manager lives as long as its history is open and writable. All of its state can be read from there again. Time is an
argument.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from alerts.model import SampleBlock
from alerts.watch import clock
from alerts.watch.analysis.archive import ticks_of
from alerts.watch.analysis.baseline import KEPT_DAYS, with_baseline
from alerts.watch.analysis.hours import HOUR, summaries
from alerts.watch.analysis.verdict import WatchEvaluator
from alerts.watch.checks.checks import CheckParameters
from alerts.watch.checks.configured import configured_checks
from alerts.watch.checks.sources import collectors_of, layout_of, names_of
from alerts.watch.clock import WatchTime
from alerts.watch.model.check import CheckKind
from alerts.watch.model.hour import HourSummary
from alerts.watch.model.result import Judgement, Standing
from alerts.watch.model.tick import Cause, Tick
from alerts.watch.model.watch import STATES, Verdict, Watch, WatchState
from alerts.watch.runtime.change_detector import Observation
from alerts.watch.runtime.change_log import ChangeLog, exporter_change
from alerts.watch.runtime.sample_recorder import SampleRecorder
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun, Layout, TimelineMark, WatchRequest
from alerts.watch.store.timeline import position

# Watches that are kept with their ticks.
KEPT = 7
# Seconds. Ticks that belong to no watch are kept for so long: the first watch is compared with them.
RETAINED = 26 * 3600.0
# Seconds between ticks while no watch is open: a minute less timer delays. The comparison uses medians of hours.
IDLE_INTERVAL = 55.0
# Seconds between deletions of old records.
_CLEANUP_INTERVAL = 3600.0
# Runs that are kept: an exporter that restarts all day must not fill the disk.
_MAX_RUNS = 500
# Seconds that a processed request is kept.
_REQUEST_LIFE = 3600.0
# The mark that tests whether the disk can be written again.
_PROBE = 0
# Seconds. The planned end is moved when the wall clock was set by more than this.
_MOVED = 1.0
DAMAGED = "its history was damaged"
REMOVED = "its history was removed"
_NOTHING = Observation()


@dataclass(frozen=True, slots=True)
class WatchFactory:
    """Creates watches. `interval` is the evaluation interval, seconds.

    `process_at` is when the process of the exporter began, Unix seconds. `database` names what is watched.
    """

    parameters: CheckParameters
    interval: float
    version: str
    process_at: float = 0.0
    database: str = ""

    def watch(self, number: int, begun_by: str, now: WatchTime, t: float) -> Watch:
        """A watch that begins now; `t` seconds on the time line."""
        policy = self.parameters.policy
        return Watch(
            number=number,
            begun_by=begun_by,
            started_at=now.at,
            started=t,
            duration=self.parameters.duration,
            interval=self.interval,
            version=self.version,
            checks=configured_checks(self.parameters),
            ends_at=now.at + self.parameters.duration,
            time_scale=self.parameters.time_scale,
            sources={name: tuple(sorted(collectors_of(name, policy))) for name in names_of(policy)},
            database=self.database,
        )


class WatchManager:
    """Manages the watches of one history. Every method may raise HistoryError; then the manager must be replaced."""

    def __init__(
        self,
        history: History,
        factory: WatchFactory,
        now: WatchTime,
        run: ExporterRun | None = None,
        *,
        was_unwritable: bool = False,
    ) -> None:
        """`run` is that of this process, if it has one; `was_unwritable`: it ran and could not write until now."""
        self.history = history
        self._factory = factory
        self._now = now
        self._t = 0.0
        self._step = 0.0
        self._cleanup_at = 0.0
        self._last_tick: WatchTime | None = None
        self._before = Cause.EXPORTER_DOWN
        if was_unwritable:
            with history.transaction():
                self.mark(_PROBE)  # a cheap test that the disk can be written
        history.check()
        watches = history.all(Watch)
        self._begun = {watch.begun_by: watch.started for watch in watches.values()}
        self.watch: Watch | None = watches[max(watches)] if watches else None
        self._resume(now)
        self.changes = ChangeLog(history)
        with history.transaction():
            self.run = self._same_run(run) or self._new_run(now)
            self._layout = self._find_layout()
        self._detector = self.changes.detector(self.run.version)
        self._samples = SampleRecorder(history)
        if was_unwritable:
            self._before = Cause.NOT_WRITTEN
        self._evaluator = self._replay() if self.is_open else None
        judgement = history.get(Judgement, self.watch.number) if self.watch else None
        self.standing = Standing.of(judgement) if judgement else None

    @property
    def is_open(self) -> bool:
        """Whether ticks of a watch are recorded, before or after its verdict."""
        return self.watch is not None and self.watch.is_open

    @property
    def running(self) -> bool:
        """Whether a watch has no verdict yet."""
        return self.watch is not None and self.watch.state is WatchState.RUNNING

    @property
    def duration(self) -> float:
        """The duration of a watch, seconds."""
        return self._factory.parameters.duration

    def is_over(self, now: WatchTime) -> bool:
        """Whether the open watch has ended. `advance` closes it."""
        return self.is_open and self._elapsed_at(now) > self._open_watch().duration

    def is_idle(self, now: WatchTime) -> bool:
        """Whether the next tick is not due: no watch is open, and one was recorded less than a minute ago."""
        last = self._last_tick
        return not self.is_open and last is not None and clock.elapsed(last, now).seconds < IDLE_INTERVAL

    def edge(self, now: WatchTime, lead: float) -> tuple[int, bool] | None:
        """The number of the open watch, and whether it ends within `lead` seconds; None without one."""
        if not self.is_open:
            return None
        watch = self._open_watch()
        return watch.number, watch.duration - self._elapsed_at(now) <= lead

    def advance(self, now: WatchTime) -> None:
        """Set the time; call it first. It may close the watch, so call it in a transaction."""
        elapsed = clock.elapsed(self._now, now)
        # To the millisecond, as it is stored, so that a replay gives the same judgement.
        self._t = round(self._t + elapsed.seconds, 3)
        self._now, self._step = now, self._step + elapsed.step
        if self.is_over(now):
            self._close(now)
        elif self.is_open:
            ends_at = now.at + self._open_watch().duration - self._elapsed_at(now)
            if abs(ends_at - self._open_watch().ends_at) > _MOVED:
                self._save(replace(self._open_watch(), ends_at=ends_at))

    def process_requests(self, now: WatchTime, warning: str = "") -> None:
        """Process the requests of commands, in a transaction. `warning` is added to the answer to `start`."""
        for number, request in self.history.all(WatchRequest).items():
            if not request.answer:
                self.history.put(number, self._process(request, now, warning))
            elif abs(now.at - request.at) > _REQUEST_LIFE:
                self.history.drop(WatchRequest, number)

    def add(self, tick: Tick, now: WatchTime, observation: Observation = _NOTHING) -> None:
        """Record and evaluate a tick, in a transaction, after `advance(now)`."""
        step, self._step = self._step, 0.0
        tick = replace(tick, run=self.run.number, before=self._before, step=step, elapsed=self._t)
        self.history.add_tick(round(self._t * 1000), now.steady, tick, self._layout)
        self._last_tick, self._before = now, Cause.EXPORTER_STALLED
        self.changes.add(self._detector.detect(tick, observation), self._detector.known, self._t)
        if self._t >= self._cleanup_at:
            self._cleanup_at = self._t + _CLEANUP_INTERVAL
            self._delete_old()
        if self._evaluator is not None:
            watch = self._open_watch()
            self._evaluator.add(replace(tick, elapsed=max(0.0, tick.elapsed - watch.started)))
            self.standing = _standing(self._evaluator, now.at, self._elapsed_at(now))
            if watch.state is WatchState.RUNNING and self._evaluator.has_failed(now.at):
                self._save(replace(watch, state=WatchState.FAILED, decided_at=now.at))
                self.history.put(watch.number, self.standing.judgement)

    def add_samples(self, take: Callable[[], SampleBlock | None], *, at_once: bool = False) -> None:
        """Record the samples since the last call when they are due, in a transaction, after `advance`."""
        self._samples.add(take, self._t, self._now.at, at_once=at_once)

    def begin(self, begun_by: str, now: WatchTime) -> Watch:
        """Begin a watch, and close an open one that has failed. In a transaction."""
        if self.is_open:
            self._close(now)
        number = self.watch.number + 1 if self.watch else 1
        watch = self._with_baselines(self._factory.watch(number, begun_by, now, self._t))
        self._save(watch)
        self._begun[begun_by] = watch.started
        self._evaluator = WatchEvaluator(watch)
        self.standing = _standing(self._evaluator, now.at, 0.0)
        return watch

    def last_begun(self, begun_by: str) -> float:
        """When a watch was last begun in this way, seconds on the time line; negative when none was."""
        return self._begun.get(begun_by, -1.0)

    def mark(self, number: int, *, is_set: bool = True) -> None:
        """Set a mark to this moment, or delete it. In a transaction."""
        if is_set:
            self.history.put(number, TimelineMark(self._t))
        else:
            self.history.drop(TimelineMark, number)

    def marked(self, number: int) -> float | None:
        """The moment of a mark, seconds on the time line; None when it is not set."""
        mark = self.history.get(TimelineMark, number)
        return mark.t if mark else None

    def estimate(self, now: WatchTime) -> Standing | None:
        """The standing if nothing more can be written. It does not use the history."""
        if self._evaluator is None:
            return self.standing
        elapsed = min(self._elapsed_at(now), self._open_watch().duration)
        return _standing(self._evaluator, now.at, elapsed, Cause.NOT_WRITTEN)

    def record_lost(self, watch: Watch | None, now: WatchTime, reason: str) -> None:
        """Record that a watch was lost with its history. `watch` is None when it could not be read."""
        known = watch or replace(self._factory.watch(1, "unknown", now, self._t), checks=())
        state = WatchState.FAILED if known.state is WatchState.FAILED else WatchState.INCONCLUSIVE
        decided_at = known.decided_at if state is WatchState.FAILED else now.at
        lost = replace(known, state=state, started=self._t, decided_at=decided_at, closed_at=now.at, closed=self._t)
        self._save(replace(lost, stopped=reason))

    def stop(self, now: WatchTime) -> None:
        """Record that the exporter stops. In a transaction."""
        self.run = replace(self.run, stopped_at=now.at)
        self.history.put(self.run.number, self.run)

    def _process(self, request: WatchRequest, now: WatchTime, warning: str) -> WatchRequest:
        if request.action == "start":
            if self.running:
                return replace(request, answer=f"watch {self._open_watch().number} is already running; stop it first")
            # A tick at this moment was recorded before, and does not belong to the watch.
            self._t = round(self._t + clock.LEAST, 3)
            watch = self.begin("manual", now)
            begun = f"watch {watch.number} has begun"
            return replace(request, granted=True, answer=f"{begun}; {warning}" if warning else begun)
        if not self.is_open:
            return replace(request, answer="no watch is running")
        self._save(replace(self._open_watch(), stopped=request.reason or "by hand"))
        self._close(now)
        return replace(request, granted=True, answer=f"watch {self._open_watch().number} was stopped")

    def _close(self, now: WatchTime) -> None:
        """Close the open watch, now or at its planned end if that has passed."""
        watch, evaluator = self._open_watch(), self._evaluator or self._replay()
        elapsed = min(self._elapsed_at(now), watch.duration)
        if watch.state is WatchState.RUNNING and elapsed < watch.duration and not watch.stopped:
            watch = replace(watch, stopped="a new watch was begun")
        evaluator.watch = watch
        judgement = evaluator.judgement(min(watch.ends_at, now.at), elapsed, final=True, cause=self._before)
        self.standing = Standing.of(judgement)
        if watch.state is WatchState.RUNNING:
            verdict = judgement.verdict or Verdict.INCONCLUSIVE
            watch = replace(watch, state=STATES[verdict], decided_at=now.at)
        self._save(replace(watch, closed_at=now.at, closed=watch.started + elapsed))
        self.history.put(watch.number, judgement)
        self._evaluator = None

    def _with_baselines(self, watch: Watch) -> Watch:
        """The watch, whose checks have what they compare with: hours before it, without those of failed watches."""
        self._summarise_hours()
        hours = self.history.all(HourSummary)
        failed = [
            range(int(each.started_at // HOUR), int((each.closed_at or watch.started_at) // HOUR) + 1)
            for each in self.history.all(Watch).values()
            if each.verdict is Verdict.FAIL
        ]
        checks = tuple(with_baseline(each, hours, failed, watch.started_at) for each in watch.checks)
        return replace(watch, checks=checks)

    def _summarise_hours(self) -> None:
        """Store the hours that are over since the last time, and delete those that are too old."""
        compared = [check for check in configured_checks(self._factory.parameters) if check.kind is CheckKind.BASELINE]
        known, present = self.history.all(HourSummary), self._now.at // HOUR
        first = max(known, default=-1) + 1
        # Older ticks are those of watches, with gaps in between.
        ticks = self.history.ticks(self._t - min(RETAINED, self._now.at - first * HOUR))
        for number, summary in summaries(ticks, compared):
            if first <= number < present:
                self.history.put(number, summary)
        for number in known:
            if number < present - KEPT_DAYS * 24:
                self.history.drop(HourSummary, number)

    def _delete_old(self) -> None:
        """Delete all but the latest watches, their ticks, recent ticks and recent samples."""
        self._summarise_hours()
        self._samples.delete_old(self._t)
        watches = sorted(self.history.all(Watch).values(), key=lambda watch: watch.number)
        for old in watches[:-KEPT]:
            self.history.drop(Watch, old.number)
            self.history.drop(Judgement, old.number)
        for number in list(self.history.all(ExporterRun))[:-_MAX_RUNS]:
            self.history.drop(ExporterRun, number)
        end = -1.0
        for watch in watches[-KEPT:]:
            # A watch may be compared with the ticks before it.
            self.history.forget(end, min(watch.started - RETAINED, self._t - RETAINED))
            end = watch.closed if watch.closed is not None else self._t
        self.history.forget(end, self._t - RETAINED)
        self.changes.delete_old(min((watch.started for watch in watches[-KEPT:]), default=self._t) - RETAINED)

    # --- reading the history

    def _resume(self, now: WatchTime) -> None:
        """Continue the time line."""
        here = position(self.history, now)
        self._t, self._step = here.t, here.step
        if here.run and here.run.stopped_at is not None:
            self._before = Cause.EXPORTER_STOPPED

    def _same_run(self, run: ExporterRun | None) -> ExporterRun | None:
        """The run of this process, if this history has it: the disk was only not writable."""
        if run is None or self.history.get(ExporterRun, run.number) != run:
            return None
        return run

    def _new_run(self, now: WatchTime) -> ExporterRun:
        number = max(self.history.all(ExporterRun), default=0) + 1
        factory = self._factory
        run = ExporterRun(number, factory.version, now.era, now.at, factory.interval, process_at=factory.process_at)
        before, last = self.history.get(ExporterRun, number - 1), self.history.last()
        self.history.put(number, run)
        if before is not None:
            earliest = last.t / 1000 if last else self._t
            self.changes.add_all((exporter_change(before, run, earliest, self._t),))
        return run

    def _find_layout(self) -> int:
        names = layout_of(self._factory.parameters.policy)
        known = self.history.all(Layout)
        for number, layout in known.items():
            if layout.names == names:
                return number
        number = max(known, default=0) + 1
        self.history.put(number, Layout(names))
        return number

    def _replay(self) -> WatchEvaluator:
        watch = self._open_watch()
        evaluator = WatchEvaluator(watch)
        for tick in ticks_of(self.history, watch):
            evaluator.add(tick)
        return evaluator

    def _open_watch(self) -> Watch:
        if self.watch is None:
            raise RuntimeError("there is no watch")
        return self.watch

    def _elapsed_at(self, now: WatchTime) -> float:
        """Seconds of the watch at a reading, which may be later than that of `advance`."""
        return self._t - self._open_watch().started + clock.elapsed(self._now, now).seconds

    def _save(self, watch: Watch) -> None:
        self.watch = watch
        if self._evaluator is not None:
            self._evaluator.watch = watch
        self.history.put(watch.number, watch)


def _standing(evaluator: WatchEvaluator, at: float, elapsed: float, cause: Cause = Cause.EXPORTER_DOWN) -> Standing:
    """That of an open watch; the arguments are those of `WatchEvaluator.judgement`."""
    return Standing(evaluator.coverage(elapsed), lambda: evaluator.judgement(at, elapsed, final=False, cause=cause))
