"""Records every evaluation in the watch of a state directory. Errors of the disk are reported, never raised.

While the history cannot be written, ticks are lost and count as missing; the view says why. A damaged history is
renamed and a new one begun; an open watch in it is recorded as INCONCLUSIVE. So is one whose history was removed. A
history that was put in the place of another one, as when a volume is mounted or a backup restored, is used at once.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

from alerts.model import Evaluation, SampleBlock
from alerts.watch import clock
from alerts.watch.checks.sources import is_of_standby
from alerts.watch.clock import WatchTime
from alerts.watch.model.change import Change
from alerts.watch.model.result import Judgement, Standing
from alerts.watch.model.watch import Watch, WatchState
from alerts.watch.runtime.change_detector import Observation
from alerts.watch.runtime.observation import TickBuilder
from alerts.watch.runtime.start import AutomaticStart
from alerts.watch.runtime.watch_manager import DAMAGED, REMOVED, WatchFactory, WatchManager
from alerts.watch.store.database_file import HistoryDamaged
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryError, HistoryInUse
from alerts.watch.store.quarantine import quarantine
from alerts.watch.store.records import ExporterRun
from exporter.config.settings import WatchSettings
from exporter.core.logs import event
from exporter.metrics.snapshot import CollectorState
from exporter.migration.maintenance import MaintenanceFile

logger = logging.getLogger(__name__)

_STANDBY = (
    "a standby answers, and its data is no evidence about the primary: meanwhile the watch cannot pass; connect to the "
    "primary (with several hosts in the DSN: target_session_attrs=primary)"
)


@dataclass(frozen=True, slots=True)
class WatchView:
    """The watch as pages, metrics and the API show it. Immutable.

    `state` is None while it is unknown, because the history cannot be read. `waiting_for` says what begins a watch,
    `trouble` why nothing is written. `standing` is None before the first watch, and for a watch that was lost.
    `changes` are those that are kept, within a watch or not, in their order.
    """

    state: WatchState | None = None
    watch: Watch | None = None
    standing: Standing | None = None
    waiting_for: str = ""
    trouble: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def judgement(self) -> Judgement | None:
        """The judgement of the watch; that of an open one is made now, once for each view."""
        return self.standing.judgement if self.standing else None


class WatchRecorder:
    """Records the watch of one state directory. Thread-safe.

    While another exporter holds the lock of the directory, as during an upgrade, the recorder retries. `refresh` runs
    every collector soon. It is called when a watch has begun, and `lead` seconds before it ends, so that the counts in
    its report cover all of it. `take_samples` returns the samples since its last call, which are stored with the ticks.
    """

    def __init__(
        self,
        settings: WatchSettings,
        factory: WatchFactory,
        refresh: Callable[[], None] = lambda: None,
        lead: float = 0.0,
        take_samples: Callable[[], SampleBlock | None] = lambda: None,
    ) -> None:
        self._take_samples = take_samples
        self._directory = settings.state_dir
        self._factory = factory
        self._refresh = refresh
        self._lead = lead
        self._edge: tuple[int, bool] | None = None
        self._start = AutomaticStart(settings.start)
        maintenance_file = MaintenanceFile(settings.state_dir)
        self._tick_builder = TickBuilder(factory.parameters.policy, maintenance_file, factory.interval)
        self._lock = Lock()
        self._manager: WatchManager | None = None
        self._last_manager: WatchManager | None = None  # the last one that could write
        self._was_unwritable = False
        self._run: ExporterRun | None = None
        self._closed = False
        self._last: float | None = None
        self._warning = ""
        self._view = WatchView(waiting_for=self._start.waiting_for, trouble="not started yet")

    @property
    def view(self) -> WatchView:
        """The current view."""
        return self._view

    @property
    def warning(self) -> str:
        """Why a watch cannot pass at present; empty when it can."""
        return self._warning

    def observe(
        self,
        evaluation: Evaluation,
        states: Iterable[CollectorState],
        now: WatchTime | None = None,
        steady: float | None = None,
    ) -> None:
        """Record an evaluation as a tick, unless it is recorded already; begin and close watches.

        `steady` is the monotonic time, seconds, that decides which results are fresh; it and `now` default to the
        present. While no watch is open, ticks are `watch_manager.IDLE_INTERVAL` apart.
        """
        if evaluation.at == self._last:
            return
        self._last = evaluation.at
        states = tuple(states)
        monotonic = time.monotonic() if steady is None else steady
        self._warning = _STANDBY if any(is_of_standby(state) for state in states) else ""

        def record(manager: WatchManager, now: WatchTime) -> None:
            self._start.check(manager, states, now, monotonic)
            tick = self._tick_builder.tick(evaluation, states, now, monotonic)
            manager.add(tick, now, Observation.of(states, monotonic))
            manager.add_samples(self._take_samples)

        if self._start.is_waiting or self._is_due(now or clock.now()):
            self._write(record, now)
        self._refresh_at_edges(now)

    def process_requests(self, now: WatchTime | None = None) -> None:
        """Process the requests of commands, and close a watch that has ended. Call it every few seconds.

        It is cheap while there is nothing to do.
        """
        if self._has_work(now or clock.now()):
            self._write(lambda *_: None, now)
        self._refresh_at_edges(now)

    def close(self, now: WatchTime | None = None) -> None:
        """Record that the exporter stops, and close the history. A second call does nothing."""
        if self._manager is not None:
            self._write(self._stop, now)
        with self._lock:
            self._closed = True
            self._drop()

    def _stop(self, manager: WatchManager, now: WatchTime) -> None:
        manager.add_samples(self._take_samples, at_once=True)
        manager.stop(now)

    def _refresh_at_edges(self, now: WatchTime | None) -> None:
        with self._lock:
            edge = self._manager.edge(now or clock.now(), self._lead) if self._manager else self._edge
            is_new, self._edge = edge is not None and edge != self._edge, edge
        if is_new:
            self._refresh()

    def _has_work(self, now: WatchTime) -> bool:
        """Whether the history is closed or another file, a watch has ended, or a command has written a request."""
        with self._lock:
            try:
                manager = self._manager
                return manager is None or manager.is_over(now) or _has_changed(manager.history)
            except HistoryError:  # raised again, and handled, by the next transaction
                return True

    def _is_due(self, now: WatchTime) -> bool:
        """Whether an evaluation is to be recorded now."""
        with self._lock:
            is_idle = self._manager is not None and self._manager.is_idle(now)
        return not is_idle or self._has_work(now)

    def _write(self, action: Callable[[WatchManager, WatchTime], None], now: WatchTime | None) -> None:
        """Run an action in a transaction."""
        with self._lock:
            if self._closed:
                return
            now = now or clock.now()  # after the lock, which may have taken a while
            try:
                self._drop_replaced()
                self._run_action(partial(self._record, action), now)
            except HistoryDamaged as error:
                self._replace_damaged(error, now)
            except HistoryError as error:
                self._report_unwritable(error, now)
            except Exception as error:  # noqa: BLE001 - a bug in here must not end the sampling, or the alerts
                event(logger, logging.ERROR, "watch failed", exc_info=error)
                self._report_unwritable(HistoryError(f"internal error ({type(error).__name__}): see the log"), now)

    def _record(self, action: Callable[[WatchManager, WatchTime], None], manager: WatchManager, now: WatchTime) -> None:
        self._record_removed(manager, now)
        action(manager, now)

    def _record_removed(self, manager: WatchManager, now: WatchTime) -> None:
        """Record that the watch in the view was lost, where the history is another one that does not know it."""
        watch, latest = self._view.watch, manager.watch
        is_known = latest is not None and (latest.is_open or watch is None or latest.number >= watch.number)
        if watch is not None and watch.is_open and not is_known:
            manager.record_lost(watch, now, REMOVED)

    def _drop_replaced(self) -> None:
        """Close the history when its file is not the one of the directory any more."""
        if self._manager is not None and self._manager.history.is_replaced():
            event(logger, logging.WARNING, "watch history replaced", directory=str(self._directory))
            self._last_manager = self._manager
            self._drop()

    def _run_action(self, action: Callable[[WatchManager, WatchTime], None], now: WatchTime) -> None:
        manager = self._manager = self._manager or self._open(now)
        with manager.history.transaction():
            manager.advance(now)
            manager.process_requests(now, self._warning)
            action(manager, now)
        self._show(manager)

    def _open(self, now: WatchTime) -> WatchManager:
        opened = History.writer(self._directory)
        try:
            manager = WatchManager(opened, self._factory, now, self._run, was_unwritable=self._was_unwritable)
        except BaseException:
            opened.close()
            raise
        self._run = manager.run
        event(logger, logging.INFO, "watch history opened", directory=str(self._directory))
        return manager

    def _show(self, manager: WatchManager) -> None:
        """Update the view after a commit."""
        before, watch = self._view.watch, manager.watch
        state = watch.state if watch else WatchState.WAITING
        self._view = WatchView(state, watch, manager.standing, self._start.waiting_for, changes=manager.changes.changes)
        self._was_unwritable, self._last_manager = False, None
        if watch and (before is None or (before.number, before.state) != (watch.number, watch.state)):
            judgement = self._view.judgement
            summary = judgement.summary if judgement else ""
            event(logger, logging.INFO, f"watch {watch.state}", number=watch.number, summary=summary)
            if self._warning and watch.state is WatchState.RUNNING:
                event(logger, logging.WARNING, "watch cannot pass", number=watch.number, reason=self._warning)

    def _report_unwritable(self, error: HistoryError, now: WatchTime) -> None:
        """Continue without the history. The coverage in the view decreases."""
        self._last_manager = self._manager or self._last_manager
        self._was_unwritable = self._was_unwritable or not isinstance(error, HistoryInUse)
        self._drop()
        if self._view.trouble != str(error):
            event(logger, logging.ERROR, "watch history unavailable", reason=str(error))
        standing = self._last_manager.estimate(now) if self._last_manager else self._view.standing
        self._view = replace(self._view, trouble=str(error), standing=standing)

    def _replace_damaged(self, error: HistoryDamaged, now: WatchTime) -> None:
        """Rename the damaged history and begin a new one."""
        self._drop()
        try:
            damaged = quarantine(self._directory, now.at)
            event(logger, logging.ERROR, "watch history damaged", reason=str(error), renamed_to=str(damaged.path))
            self._run = None
            self._run_action(
                lambda manager, at: manager.record_lost(damaged.watch, at, DAMAGED) if damaged.may_have_run else None,
                now,
            )
        except HistoryError as again:
            self._report_unwritable(again, now)

    def _drop(self) -> None:
        if self._manager is not None:
            self._manager.history.close()
            self._manager = None


def _has_changed(history: History) -> bool:
    return history.is_replaced() or history.changed()
