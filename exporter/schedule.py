"""When each collector runs: cadence, single flight, cost budget (APScheduler).

Database collectors share one thread as they share one connection: none of them queues up behind itself, and a run
that comes due while the last is still going on is skipped and counted. The application has a thread of its own, so
that neither side ever waits for the other.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from exporter.cadence import next_interval, next_look
from exporter.collectors import Collector
from exporter.config import SamplingSettings
from exporter.errors import Reason, SampleError
from exporter.logs import event, hide
from exporter.model import Failure, Outcome, Run
from exporter.snapshot import Board, CollectorState, Target

logger = logging.getLogger(__name__)

# A wall clock that moves this much against the monotonic one was stepped, not slewed (ntpd slews at 0.5 ms/s).
CLOCK_STEP = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A collector and how often it would like to run, seconds. `pages`: alerts that wake somebody rest on it."""

    collector: Collector
    target: Target
    interval: float
    pages: bool = False

    @property
    def thread(self) -> str:
        """Which thread it runs in: all that needs the one connection shares one."""
        return "application" if self.target is Target.APPLICATION else "database"

    @property
    def state(self) -> CollectorState:
        """Its state before the first run."""
        return CollectorState(self.collector.name, self.target, self.interval)


Finished = Callable[[Run, float, CollectorState], None]


def run_once(collector: Collector) -> Run:
    """Let a collector run, whatever happens. The one place that catches everything: a bug is a failed sample too."""
    started = time.monotonic()
    try:
        outcome = collector.collect()
    except SampleError as error:
        outcome = Outcome(failures=(Failure(error.reason, hide(str(error))),))
    except Exception as error:  # noqa: BLE001 - counted, shown and logged with its traceback
        event(logger, logging.ERROR, "collector raised", exc_info=True, collector=collector.name)
        outcome = Outcome(failures=(Failure(Reason.INTERNAL, f"{type(error).__name__}: see the log"),))
    finished = time.monotonic()
    return Run(collector.name, outcome, time.time(), finished, finished - started)


class Schedule:
    """Runs collectors at their turns and notes every result on the board.

    `finished` hears of each run: the run, its next interval, the state before it.
    """

    def __init__(self, turns: Iterable[Turn], board: Board, settings: SamplingSettings, finished: Finished) -> None:
        self._turns = tuple(turns)
        self._board = board
        self._settings = settings
        self._finished = finished
        self._clock_offset = time.time() - time.monotonic()
        self._planning = Lock()
        self._ending = Lock()
        self._stopped = False
        self._scheduler = BackgroundScheduler(
            executors={thread: ThreadPoolExecutor(1) for thread in ("database", "application")},
            # A late run is better than none; several late ones are one.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        self._scheduler.add_listener(self._skipped, EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Run every collector now, then at its interval."""
        for turn, first in self._from_now_on():
            self._scheduler.add_job(
                self._run,
                IntervalTrigger(seconds=turn.interval, timezone=UTC),
                args=(turn,),
                id=turn.collector.name,
                executor=turn.thread,
                next_run_time=first,
            )
        self._scheduler.start()

    def halt(self) -> None:
        """Start no further runs, not even those that are due and wait for their thread."""
        # APScheduler waits for runs with its own lock held, so that one that changed its plan then would never end.
        with self._planning:
            self._stopped = True

    def stop(self) -> None:
        """`halt`, and wait for the runs under way, which keep their own deadlines. Twice, or at once, is harmless."""
        self.halt()
        with self._ending:
            if self._scheduler.running:
                self._scheduler.shutdown(wait=True)

    def mind_the_clock(self) -> None:
        """Call every few seconds: APScheduler plans by the wall clock, and one set back would stop all sampling."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._clock_offset) < CLOCK_STEP:
            return
        event(logger, logging.WARNING, "clock stepped", seconds=round(offset - self._clock_offset, 3))
        self._clock_offset = offset
        with self._planning:
            for turn, first in () if self._stopped else self._from_now_on():
                self._scheduler.modify_job(turn.collector.name, next_run_time=first)

    def run_soon(self) -> None:
        """Let every collector run with the next one that is due, at the latest after a sampling interval.

        So whatever runs in step with others stays so.
        """
        interval = timedelta(seconds=self._settings.interval)
        with self._planning:
            if self._stopped or not self._scheduler.running:
                return
            planned = [self._scheduler.get_job(turn.collector.name).next_run_time for turn in self._turns]
            soon = min((*planned, datetime.now(UTC) + interval))
            for place, (turn, due) in enumerate(zip(self._turns, planned, strict=True)):
                if due > soon + interval / 2:
                    first = soon + timedelta(microseconds=place)
                    self._scheduler.modify_job(turn.collector.name, next_run_time=first)

    def _from_now_on(self) -> Iterator[tuple[Turn, datetime]]:
        """When each runs, in their order: now, as APScheduler wakes up once for all that is due by then.

        What is due in the same microsecond it would take by the alphabet.
        """
        now = datetime.now(UTC)
        return ((turn, now + timedelta(microseconds=place)) for place, turn in enumerate(self._turns))

    def _run(self, turn: Turn) -> None:
        if self._stopped:
            return
        run = run_once(turn.collector)
        interval = self._next_interval(turn, run)
        before = self._board.record(run, interval)
        if interval != before.interval:
            self._plan(run, before.interval, interval)
        self._finished(run, interval, before)

    def _next_interval(self, turn: Turn, run: Run) -> float:
        if turn.target is Target.APPLICATION:
            return turn.interval
        if not turn.pages:
            return next_interval(turn.interval, run, self._settings)
        now = self._board.state_of(run.collector)
        return next_look(turn.interval, run, self._settings, now.interval, now.costs_with(run))

    def _plan(self, run: Run, before: float, interval: float) -> None:
        """Let the next run be due an interval after this one was: whoever is in step with others stays so."""
        with self._planning:
            if not self._stopped:
                planned = self._scheduler.get_job(run.collector).next_run_time  # by the interval before
                since = planned.timestamp() - (run.finished_at - run.duration)
                due = planned - timedelta(seconds=before * max(1, math.ceil(since / before)))
                trigger = IntervalTrigger(seconds=interval, start_date=due + timedelta(seconds=interval), timezone=UTC)
                self._scheduler.reschedule_job(run.collector, trigger=trigger)

    def _skipped(self, event: JobSubmissionEvent) -> None:
        self._board.skip(event.job_id)
