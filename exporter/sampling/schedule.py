"""When each collector runs: intervals, at most one run at a time, cost budget.

Database collectors share one thread as they share one connection. A run that is due while the previous one of the same
collector is still going on is skipped and counted. The application collector has a thread of its own, so that neither
waits for the other. A third thread wakes up when a collector is due.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Condition, Thread

from exporter.collectors import Collector
from exporter.config.settings import SamplingSettings
from exporter.core.clock_step import clock_step
from exporter.core.errors import Reason, SampleError
from exporter.core.logs import event, hide
from exporter.metrics.readings import CollectorFailure, CollectorOutcome, CollectorRun
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore
from exporter.sampling.intervals import next_critical_interval, next_interval

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduledCollector:
    """A collector and its base interval, seconds. `critical`: alerts of severity page rest on it."""

    collector: Collector
    target: CollectorTarget
    interval: float
    critical: bool = False

    @property
    def executor(self) -> str:
        """The thread that it runs in: all collectors that need the one connection share one."""
        return "application" if self.target is CollectorTarget.APPLICATION else "database"

    @property
    def state(self) -> CollectorState:
        """Its state before the first run."""
        return CollectorState(self.collector.name, self.target, self.interval)


RunListener = Callable[[CollectorRun, float, CollectorState], None]


def run_once(collector: Collector) -> CollectorRun:
    """Let a collector run. The one place that catches every exception: a bug is a failed sample too."""
    started = time.monotonic()
    try:
        outcome = collector.collect()
    except SampleError as error:
        outcome = CollectorOutcome(failures=(CollectorFailure(error.reason, hide(str(error))),))
    except Exception as error:  # noqa: BLE001 - counted, shown and logged with its traceback
        event(logger, logging.ERROR, "collector raised", exc_info=True, collector=collector.name)
        outcome = CollectorOutcome(
            failures=(CollectorFailure(Reason.INTERNAL, f"{type(error).__name__}: see the log"),)
        )
    finished = time.monotonic()
    return CollectorRun(collector.name, outcome, time.time(), finished, finished - started)


class Schedule:
    """Runs collectors at their intervals and records every result in the snapshot store.

    `finished` is called after each run with the run, its next interval in seconds, and the state before it. Due times
    are seconds of the monotonic clock. `_changed` protects the plan, and wakes the thread that waits for the next run.
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
        self._changed = Condition()
        self._stopped = False
        # The next run of each collector; and those handed to their threads, with the time at which they were due.
        self._due: dict[str, float] = {}
        self._running: dict[str, float] = {}
        self._queues: dict[str, SimpleQueue[ScheduledCollector | None]] = {
            executor: SimpleQueue() for executor in ("database", "application")
        }
        self._threads = (
            Thread(target=self._wait_for_runs, name="schedule", daemon=True),
            *(Thread(target=self._work, args=(queue,), name=name, daemon=True) for name, queue in self._queues.items()),
        )

    def start(self) -> None:
        """Run every collector now, then at its interval."""
        self._run_all_now()
        for thread in self._threads:
            thread.start()

    def halt(self) -> None:
        """Begin no further run, not even one that is due and waits for its thread; returns at once."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        for queue in self._queues.values():
            queue.put(None)

    def stop(self) -> None:
        """`halt`, and wait for the runs under way, which keep their own deadlines. May be called again."""
        self.halt()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def check_clock(self) -> None:
        """Call every few seconds: after a suspension, which the monotonic clock does not count, all are due now."""
        step = clock_step(time.time() - time.monotonic() - self._clock_offset)
        if step:
            event(logger, logging.WARNING, "clock stepped", seconds=round(step, 3))
            self._clock_offset += step
            self._run_all_now()

    def run_soon(self) -> None:
        """Let every collector run with the next one that is due, at the latest after a sampling interval.

        So collectors that are due together stay so.
        """
        interval = self._settings.interval
        with self._changed:
            soon = min((*self._due.values(), time.monotonic() + interval))
            self._due = {name: soon if due > soon + interval / 2 else due for name, due in self._due.items()}
            self._changed.notify()

    def _run_all_now(self) -> None:
        with self._changed:
            self._due = dict.fromkeys((entry.collector.name for entry in self._entries), time.monotonic())
            self._changed.notify()

    def _wait_for_runs(self) -> None:
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                for entry in self._entries:
                    if self._due[entry.collector.name] <= now:
                        self._begin(entry, now)
                self._changed.wait(min(self._due.values()) - now if self._due else None)

    def _begin(self, entry: ScheduledCollector, now: float) -> None:
        """Hand a due run to its thread, or skip it. Several late ones are one."""
        name = entry.collector.name
        due, interval = self._due[name], self._store.state_of(name).interval
        due += (now - due) // interval * interval
        self._due[name] = due + interval
        if name in self._running:
            self._store.skip(name)
        else:
            self._running[name] = due
            self._queues[entry.executor].put(entry)

    def _work(self, queue: "SimpleQueue[ScheduledCollector | None]") -> None:
        while (entry := queue.get()) is not None and not self._stopped:
            try:
                self._run(entry)
            except Exception as error:  # noqa: BLE001 - a bug must not end the sampling
                event(logger, logging.ERROR, "run not recorded", exc_info=error, collector=entry.collector.name)
            with self._changed:
                del self._running[entry.collector.name]

    def _run(self, entry: ScheduledCollector) -> None:
        run = run_once(entry.collector)
        interval = self._next_interval(entry, run)
        before = self._store.record(run, interval)
        if interval != before.interval:
            self._plan(run, before.interval, interval)
        self._finished(run, interval, before)

    def _plan(self, run: CollectorRun, before: float, interval: float) -> None:
        """Let the next run be due an interval after this one was due, so that collectors due together stay so."""
        with self._changed:
            due = self._running[run.collector]
            late = max(0.0, run.finished - run.duration - due)  # it waited for its thread
            self._due[run.collector] = due + late // before * before + interval
            self._changed.notify()

    def _next_interval(self, entry: ScheduledCollector, run: CollectorRun) -> float:
        if entry.target is CollectorTarget.APPLICATION:
            return entry.interval
        if not entry.critical:
            return next_interval(entry.interval, run, self._settings)
        now = self._store.state_of(run.collector)
        return next_critical_interval(entry.interval, run, self._settings, now.interval, now.costs_with(run))
