"""Keeps the watches: begins them, feeds them ticks, ends them, and writes all of it down.

One keeper lives as long as its history is open and can be written; everything it knows can be read again from there.
Time is an argument.
"""

from dataclasses import dataclass, replace

from alerts.watch import clock
from alerts.watch.analysis.archive import seen
from alerts.watch.analysis.verdict import WatchEvaluator
from alerts.watch.checks.checks import CheckParameters, resolve
from alerts.watch.checks.sources import collectors_of, layout_of, names_of
from alerts.watch.clock import ClockReading
from alerts.watch.model import Cause, Judgement, Tick, Verdict, Watch, WatchState
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun, Layout, TimelineMark, WatchRequest
from alerts.watch.store.timeline import position

# Past watches that are kept with all that was seen, and for how long what belongs to none: it is what a first watch
# can be compared with.
KEPT = 7
RETAINED = 26 * 3600.0
# So far apart they are, seconds, a minute less what timers are late by: the comparison goes by the medians of hours.
IDLE_INTERVAL = 55.0
# How often old things are forgotten, seconds.
_TIDY = 3600.0
# Of the exporter's processes: one that crashes all day long must not fill the disk with that.
_RUNS = 500
# An answered request is of no use for longer; seconds.
_REQUEST_LIFE = 3600.0
# The mark of the last time that a disk which had failed took something again.
_PROBE = 0
# The planned end is moved along when the wall clock was set by more than this.
_MOVED = 1.0
_LOST = "its history was damaged"

STATES = {
    Verdict.PASS: WatchState.PASSED,
    Verdict.FAIL: WatchState.FAILED,
    Verdict.INCONCLUSIVE: WatchState.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class WatchFactory:
    """How watches are made here."""

    terms: CheckParameters
    interval: float
    version: str

    def watch(self, number: int, begun_by: str, moment: ClockReading, t: float) -> Watch:
        """A watch that begins now."""
        policy = self.terms.policy
        return Watch(
            number=number,
            begun_by=begun_by,
            started_at=moment.at,
            started=t,
            duration=self.terms.duration,
            interval=self.interval,
            version=self.version,
            checks=resolve(self.terms),
            ends_at=moment.at + self.terms.duration,
            time_scale=self.terms.time_scale,
            sources={name: tuple(sorted(collectors_of(name, policy))) for name in names_of(policy)},
        )


class WatchManager:
    """Keeps the watches of one history. Raises: HistoryError from everything; then it is of no use any more."""

    def __init__(
        self,
        history: History,
        plan: WatchFactory,
        moment: ClockReading,
        run: ExporterRun | None = None,
        *,
        was_unwritable: bool = False,
    ) -> None:
        """`run` is this process' own, if it has one already; `was_blind`: it ran and could not write until now."""
        self.history = history
        self._plan = plan
        self._moment = moment
        self._t = 0.0
        self._step = 0.0
        self._tidy_at = 0.0
        self._heard: ClockReading | None = None
        self._before = Cause.EXPORTER_DOWN
        if was_unwritable:
            with history.transaction():
                self.mark(_PROBE)  # proves that writing works again, before anything costly is done
        history.check()
        watches = history.all(Watch)
        self._begun = {watch.begun_by: watch.started for watch in watches.values()}
        self.watch: Watch | None = max(watches.values(), key=lambda watch: watch.number, default=None)
        self._resume(moment)
        with history.transaction():
            self.run = self._same_run(run) or self._new_run(moment)
            self._layout = self._find_layout()
        if was_unwritable:
            self._before = Cause.NOT_WRITTEN
        self._judge = self._replay() if self.is_open else None
        self.judgement = history.get(Judgement, self.watch.number) if self.watch else None

    @property
    def is_open(self) -> bool:
        """Whether a watch goes on, decided or not."""
        return self.watch is not None and self.watch.is_open

    def is_over(self, moment: ClockReading) -> bool:
        """Whether time has ended the watch that goes on, which is not on record before `advance`."""
        return self.is_open and self._elapsed_at(moment) > self._watch().duration

    def is_idle(self, moment: ClockReading) -> bool:
        """Whether it has heard enough for now: no watch goes on, and something was written down a moment ago."""
        return (
            not self.is_open and self._heard is not None and clock.passed(self._heard, moment).seconds < IDLE_INTERVAL
        )

    @property
    def running(self) -> bool:
        """Whether a watch is undecided."""
        return self.watch is not None and self.watch.state is WatchState.RUNNING

    def edge(self, moment: ClockReading, lead: float) -> tuple[int, bool] | None:
        """The watch that goes on, by number, and whether it ends within `lead` seconds; None when none goes on."""
        if not self.is_open:
            return None
        watch = self._watch()
        return watch.number, watch.duration - self._elapsed_at(moment) <= lead

    def advance(self, moment: ClockReading) -> None:
        """Time has passed. To be called first; may end a watch, so in a transaction."""
        passed = clock.passed(self._moment, moment)
        # To the millisecond, as it is written: what is heard now and what is read again come to the same.
        self._t = round(self._t + passed.seconds, 3)
        self._moment, self._step = moment, self._step + passed.step
        if self.is_open and self._elapsed() > self._watch().duration:
            self._close(moment)
        elif self.is_open and abs(self._planned_end(moment) - self._watch().ends_at) > _MOVED:
            self._save(replace(self._watch(), ends_at=self._planned_end(moment)))

    def answer(self, moment: ClockReading, warning: str = "") -> None:
        """Do what commands ask for; `warning` is for who begins a watch. In a transaction."""
        for number, request in self.history.all(WatchRequest).items():
            if not request.answer:
                self.history.put(number, self._granted(request, moment, warning))
            elif abs(moment.at - request.at) > _REQUEST_LIFE:
                self.history.drop(WatchRequest, number)

    def add(self, tick: Tick, moment: ClockReading) -> None:
        """Write a tick down, and judge. In a transaction, after `advance` to that moment."""
        step, self._step = self._step, 0.0
        tick = replace(tick, run=self.run.number, before=self._before, step=step, elapsed=self._t)
        self.history.add_tick(round(self._t * 1000), moment.steady, tick, self._layout)
        self._heard, self._before = moment, Cause.EXPORTER_STALLED
        if self._t >= self._tidy_at:
            self._tidy_at = self._t + _TIDY
            self._forget_old()
        if self._judge is not None:
            watch = self._watch()
            self._judge.add(replace(tick, elapsed=max(0.0, tick.elapsed - watch.started)))
            self.judgement = self._judge.judgement(moment.at, self._elapsed(), final=False)
            if watch.state is WatchState.RUNNING and self.judgement.verdict is Verdict.FAIL:
                self._save(replace(watch, state=WatchState.FAILED, decided_at=moment.at))
                self.history.put(watch.number, self.judgement)

    def begin(self, begun_by: str, moment: ClockReading) -> Watch:
        """Begin a watch now; one that has failed already is observed no longer. In a transaction."""
        if self.is_open:
            self._close(moment)
        number = self.watch.number + 1 if self.watch else 1
        watch = self._plan.watch(number, begun_by, moment, self._t)
        self._save(watch)
        self._begun[begun_by] = watch.started
        self._judge = WatchEvaluator(watch)
        self.judgement = self._judge.judgement(moment.at, 0.0, final=False)
        return watch

    def last_begun(self, begun_by: str) -> float:
        """When a watch was last begun so, on the time line; negative when none was."""
        return self._begun.get(begun_by, -1.0)

    def mark(self, number: int, *, is_set: bool = True) -> None:
        """Remember this moment, or forget the one remembered. In a transaction."""
        if is_set:
            self.history.put(number, TimelineMark(self._t))
        else:
            self.history.drop(TimelineMark, number)

    def marked(self, number: int) -> float | None:
        """The moment remembered under that number, on the time line."""
        mark = self.history.get(TimelineMark, number)
        return mark.t if mark else None

    @property
    def duration(self) -> float:
        """How long a watch lasts here, seconds."""
        return self._plan.terms.duration

    def estimate(self, moment: ClockReading) -> Judgement | None:
        """What the judgement comes to if nothing more can be written; asks the history nothing."""
        if self._judge is None:
            return self.judgement
        elapsed = min(self._elapsed_at(moment), self._watch().duration)
        return self._judge.judgement(moment.at, elapsed, final=False, cause=Cause.NOT_WRITTEN)

    def record_lost(self, watch: Watch | None, moment: ClockReading) -> None:
        """Put on record that a watch was lost with a damaged history: `watch`, as far as it is known."""
        known = watch or replace(self._plan.watch(1, "unknown", moment, self._t), checks=())
        state = WatchState.FAILED if known.state is WatchState.FAILED else WatchState.INCONCLUSIVE
        decided_at = known.decided_at if state is WatchState.FAILED else moment.at
        lost = replace(known, state=state, started=self._t, decided_at=decided_at, closed_at=moment.at, closed=self._t)
        self._save(replace(lost, stopped=_LOST))

    def stop(self, moment: ClockReading) -> None:
        """The exporter ends in good order. In a transaction."""
        self.run = replace(self.run, stopped_at=moment.at)
        self.history.put(self.run.number, self.run)

    # --- ends

    def _granted(self, request: WatchRequest, moment: ClockReading, warning: str) -> WatchRequest:
        if request.action == "start":
            if self.running:
                return replace(request, answer=f"watch {self._watch().number} runs already; stop it first")
            # A tick of this very moment was heard before, and is none of the watch's.
            self._t = round(self._t + clock.LEAST, 3)
            watch = self.begin("manual", moment)
            begun = f"watch {watch.number} has begun"
            return replace(request, granted=True, answer=f"{begun}; {warning}" if warning else begun)
        if not self.is_open:
            return replace(request, answer="no watch runs")
        self._save(replace(self._watch(), stopped=request.reason or "by hand"))
        self._close(moment)
        return replace(request, granted=True, answer=f"watch {self._watch().number} was stopped")

    def _close(self, moment: ClockReading) -> None:
        """The last look at the watch: now, or at its planned end if that has passed."""
        watch, judge = self._watch(), self._judge or self._replay()
        elapsed = min(self._elapsed(), watch.duration)
        if watch.state is WatchState.RUNNING and elapsed < watch.duration and not watch.stopped:
            watch = replace(watch, stopped="a new watch was begun")
        judge.watch = watch
        self.judgement = judge.judgement(min(watch.ends_at, moment.at), elapsed, final=True, cause=self._before)
        if watch.state is WatchState.RUNNING:
            verdict = self.judgement.verdict or Verdict.INCONCLUSIVE
            watch = replace(watch, state=STATES[verdict], decided_at=moment.at)
        self._save(replace(watch, closed_at=moment.at, closed=watch.started + elapsed))
        self.history.put(watch.number, self.judgement)
        self._judge = None

    def _forget_old(self) -> None:
        """Keep the latest watches and what was seen lately."""
        watches = sorted(self.history.all(Watch).values(), key=lambda watch: watch.number)
        for old in watches[:-KEPT]:
            self.history.drop(Watch, old.number)
            self.history.drop(Judgement, old.number)
        for number in list(self.history.all(ExporterRun))[:-_RUNS]:
            self.history.drop(ExporterRun, number)
        end = -1.0
        for watch in watches[-KEPT:]:
            # What lies before a watch by as much is what it may be compared with.
            self.history.forget(end, min(watch.started - RETAINED, self._t - RETAINED))
            end = watch.closed if watch.closed is not None else self._t
        self.history.forget(end, self._t - RETAINED)

    # --- what was written before

    def _resume(self, moment: ClockReading) -> None:
        """Go on where the time line ends."""
        here = position(self.history, moment)
        self._t, self._step = here.t, here.step
        if here.run and here.run.stopped_at is not None:
            self._before = Cause.EXPORTER_STOPPED

    def _same_run(self, run: ExporterRun | None) -> ExporterRun | None:
        """The process has been here before: only its disk was not."""
        if run is None or self.history.get(ExporterRun, run.number) != run:
            return None
        return run

    def _new_run(self, moment: ClockReading) -> ExporterRun:
        number = max(self.history.all(ExporterRun), default=0) + 1
        run = ExporterRun(number, self._plan.version, moment.era, moment.at, self._plan.interval)
        self.history.put(number, run)
        return run

    def _find_layout(self) -> int:
        names = layout_of(self._plan.terms.policy)
        known = self.history.all(Layout)
        for number, layout in known.items():
            if layout.names == names:
                return number
        number = max(known, default=0) + 1
        self.history.put(number, Layout(names))
        return number

    def _replay(self) -> WatchEvaluator:
        watch = self._watch()
        judge = WatchEvaluator(watch)
        for tick in seen(self.history, watch):
            judge.add(tick)
        return judge

    # --- small things

    def _watch(self) -> Watch:
        if self.watch is None:
            raise RuntimeError("there is no watch")
        return self.watch

    def _elapsed(self) -> float:
        return self._t - self._watch().started

    def _elapsed_at(self, moment: ClockReading) -> float:
        """The same at a moment that was not advanced to."""
        return self._elapsed() + clock.passed(self._moment, moment).seconds

    def _planned_end(self, moment: ClockReading) -> float:
        return moment.at + self._watch().duration - self._elapsed()

    def _save(self, watch: Watch) -> None:
        self.watch = watch
        if self._judge is not None:
            self._judge.watch = watch
        self.history.put(watch.number, watch)
