"""When each collector runs: intervals, at most one run at a time, cost budget (APScheduler).

Database collectors share one thread as they share one connection. A run that is due while the previous one of the same
collector is still going on is skipped and counted. The application collector has a thread of its own, so that neither
waits for the other.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Lock

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from exporter.config.settings import SamplingSettings
from exporter.core.clock_step import clock_step
from exporter.core.logs import event
from exporter.metrics.readings import CollectorRun
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore
from exporter.sampling.intervals import next_critical_interval, next_interval
from exporter.sampling.run import ScheduledCollector, run_once

logger = logging.getLogger(__name__)


RunListener = Callable[[CollectorRun, float, CollectorState], None]


class Schedule:
    """Runs collectors at their intervals and records every result in the snapshot store.

    `finished` is called after each run with the run, its next interval in seconds, and the state before it; not after
    one that `halt` may have broken off.
    `_plan_lock` protects the plan against a change after `halt`; `_stop_lock` makes a second `stop` wait for the first.
    """

    def __init__(
        self,
        entries: Iterable[ScheduledCollector],
        store: SnapshotStore,
        settings: SamplingSettings,
        finished: RunListener,
    ) -> None:
        self._entries = tuple(entries)
        self._store = store
        self._settings = settings
        self._finished = finished
        self._clock_offset = time.time() - time.monotonic()
        self._plan_lock = Lock()
        self._stop_lock = Lock()
        self._stopped = False
        self._scheduler = BackgroundScheduler(
            executors={executor: ThreadPoolExecutor(1) for executor in ("database", "application")},
            # A late run is better than none; several late ones are one.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        self._scheduler.add_listener(self._on_skipped, EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Run every collector now, then at its interval."""
        for entry, first in self._first_runs():
            self._scheduler.add_job(
                self._run,
                IntervalTrigger(seconds=entry.interval, timezone=UTC),
                args=(entry,),
                id=entry.collector.name,
                executor=entry.executor,
                next_run_time=first,
            )
        self._scheduler.start()

    def halt(self) -> None:
        """Start no further runs, not even those that are due and wait for their thread."""
        # APScheduler waits for runs with its own lock held: a run that changed its plan then would never end.
        with self._plan_lock:
            self._stopped = True

    def stop(self) -> None:
        """`halt`, and wait for the runs under way, which keep their own deadlines. May be called again."""
        self.halt()
        with self._stop_lock:
            if self._scheduler.running:
                self._scheduler.shutdown(wait=True)

    def check_clock(self) -> None:
        """Call every few seconds: APScheduler plans by the wall clock, and stops sampling when that is set back."""
        step = clock_step(time.time() - time.monotonic() - self._clock_offset)
        if not step:
            return
        event(logger, logging.WARNING, "clock stepped", seconds=round(step, 3))
        self._clock_offset += step
        with self._plan_lock:
            for entry, first in () if self._stopped else self._first_runs():
                self._scheduler.modify_job(entry.collector.name, next_run_time=first)

    def run_soon(self) -> None:
        """Let every collector run with the next one that is due, at the latest after a sampling interval.

        So collectors that are due together stay so.
        """
        interval = timedelta(seconds=self._settings.interval)
        with self._plan_lock:
            if self._stopped or not self._scheduler.running:
                return
            planned = [self._scheduler.get_job(entry.collector.name).next_run_time for entry in self._entries]
            soon = min((*planned, datetime.now(UTC) + interval))
            for place, (entry, due) in enumerate(zip(self._entries, planned, strict=True)):
                if due > soon + interval / 2:
                    first = soon + timedelta(microseconds=place)
                    self._scheduler.modify_job(entry.collector.name, next_run_time=first)

    def run_in_turn(self, work: Callable[[], None]) -> None:
        """Run something once in the thread of the database collectors, after those that are due; returns at once.

        Nothing else uses their connection meanwhile. Once stopped, it is not run.
        """
        with self._plan_lock:
            if not self._stopped and self._scheduler.running:
                self._scheduler.add_job(work, executor="database")

    def _first_runs(self) -> Iterator[tuple[ScheduledCollector, datetime]]:
        """The first run of each: now, in their order, as APScheduler wakes up once for all that is due by then.

        Collectors that are due in the same microsecond would run in the order of the alphabet.
        """
        now = datetime.now(UTC)
        return ((entry, now + timedelta(microseconds=place)) for place, entry in enumerate(self._entries))

    def _run(self, entry: ScheduledCollector) -> None:
        if self._stopped:
            return
        run = run_once(entry.collector)
        interval = self._next_interval(entry, run)
        before = self._store.record(run, interval)
        if interval != before.interval:
            self._plan(run, before.interval, interval)
        if run.succeeded or not self._stopped:
            self._finished(run, interval, before)

    def _next_interval(self, entry: ScheduledCollector, run: CollectorRun) -> float:
        if entry.target is CollectorTarget.APPLICATION:
            return entry.interval
        if not entry.critical:
            return next_interval(entry.interval, run, self._settings)
        now = self._store.state_of(run.collector)
        return next_critical_interval(entry.interval, run, self._settings, now.interval, now.costs_with(run))

    def _plan(self, run: CollectorRun, before: float, interval: float) -> None:
        """Let the next run be due an interval after this one was due, so that collectors due together stay so."""
        with self._plan_lock:
            if not self._stopped:
                planned = self._scheduler.get_job(run.collector).next_run_time  # by the interval before
                since = planned.timestamp() - (run.finished_at - run.duration)
                due = planned - timedelta(seconds=before * max(1, math.ceil(since / before)))
                trigger = IntervalTrigger(seconds=interval, start_date=due + timedelta(seconds=interval), timezone=UTC)
                self._scheduler.reschedule_job(run.collector, trigger=trigger)

    def _on_skipped(self, event: JobSubmissionEvent) -> None:
        self._store.skip(event.job_id)
