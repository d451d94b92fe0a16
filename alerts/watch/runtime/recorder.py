"""Listens to every evaluation and keeps the watch. Never raises, whatever becomes of its disk.

While the history cannot be written the watch goes on blind: what is not on disk was not seen, so coverage suffers,
and the view says why. A damaged history is set aside under another name and a new one begun; a watch that may have
been running in it is lost, and an INCONCLUSIVE one stands in its place.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import Lock

from alerts.model import Evaluation
from alerts.watch import clock
from alerts.watch.checks.sources import is_of_standby
from alerts.watch.clock import ClockReading
from alerts.watch.model import Judgement, Watch, WatchState
from alerts.watch.runtime.observation import TickBuilder
from alerts.watch.runtime.start import AutomaticStart
from alerts.watch.runtime.watch_manager import WatchFactory, WatchManager
from alerts.watch.store import history
from alerts.watch.store.history import History, HistoryDamaged
from alerts.watch.store.lock_file import HistoryError, HistoryInUse
from alerts.watch.store.records import ExporterRun
from exporter.config.settings import WatchSettings
from exporter.core.logs import event
from exporter.metrics.snapshot import CollectorState
from exporter.migration.maintenance import MaintenanceFile

logger = logging.getLogger(__name__)

_NO_PROOF = (
    "a standby answers, and what it shows proves nothing: while it does, the watch cannot pass; connect to the primary "
    "(with several hosts in the DSN: target_session_attrs=primary)"
)

Act = Callable[[WatchManager, ClockReading], None]


@dataclass(frozen=True, slots=True)
class WatchView:
    """What is known of the watch now, for pages, metrics and answers. Nothing in it changes.

    `state` is None while that is unknown: the history cannot be read. `waiting_for` says what begins a watch,
    `trouble` why nothing is written. `judgement` is None where there was no watch yet, and for one that came out of
    a damaged history.
    """

    state: WatchState | None = None
    watch: Watch | None = None
    judgement: Judgement | None = None
    waiting_for: str = ""
    trouble: str = ""


class WatchRecorder:
    """Keeps the watch of one state directory. Safe to use from several threads.

    Another exporter that writes to the same directory is waited for: an upgrade may overlap. `refresh` has every
    collector run soon; it is called once when a watch has begun and once `lead` seconds before it ends, so that the
    figures of its report reach from one to the other.
    """

    def __init__(
        self, settings: WatchSettings, plan: WatchFactory, refresh: Callable[[], None] = lambda: None, lead: float = 0.0
    ) -> None:
        self._directory = settings.state_dir
        self._plan = plan
        self._refresh = refresh
        self._lead = lead
        self._edge: tuple[int, bool] | None = None
        self._starter = AutomaticStart(settings.start)
        self._sight = TickBuilder(plan.terms.policy, MaintenanceFile(settings.state_dir), plan.interval)
        self._lock = Lock()
        self._manager: WatchManager | None = None
        self._blind: WatchManager | None = None  # the last one that could write
        self._was_unwritable = False
        self._run: ExporterRun | None = None
        self._closed = False
        self._last: float | None = None
        self._warning = ""
        self._view = WatchView(waiting_for=self._starter.waiting_for, trouble="not started yet")

    @property
    def view(self) -> WatchView:
        """What is known now."""
        return self._view

    @property
    def warning(self) -> str:
        """Why a watch cannot pass as things are; empty where it can."""
        return self._warning

    def observe(
        self,
        evaluation: Evaluation,
        states: Iterable[CollectorState],
        moment: ClockReading | None = None,
        monotonic: float | None = None,
    ) -> None:
        """Write down what an evaluation found, the same one once; end and begin watches.

        Between watches some are left out: keeper.SPARSE.
        `monotonic` is the time by which the collectors' results are fresh. Left out, both are now.
        """
        if evaluation.at == self._last:
            return
        self._last = evaluation.at
        states = tuple(states)
        now = time.monotonic() if monotonic is None else monotonic
        self._warning = _NO_PROOF if any(is_of_standby(state) for state in states) else ""

        def act(keeper: WatchManager, moment: ClockReading) -> None:
            self._starter.look(keeper, states, moment, now)
            keeper.add(self._sight.tick(evaluation, states, moment, now), moment)

        if self._starter.is_waiting or self._is_eager(moment or clock.now()):
            self._attend(act, moment)
        self._refresh_at_edges(moment)

    def heed(self, moment: ClockReading | None = None) -> None:
        """Do what commands and the time ask for, between two evaluations. Call it at the start, and every few seconds.

        Costs next to nothing while nobody asks and no watch ends.
        """
        if self._is_needed(moment or clock.now()):
            self._attend(lambda *_: None, moment)
        self._refresh_at_edges(moment)

    def close(self, moment: ClockReading | None = None) -> None:
        """The exporter ends: say so in the history, and let go of it. Harmless twice."""
        if self._manager is not None:
            self._attend(lambda keeper, now: keeper.stop(now), moment)
        with self._lock:
            self._closed = True
            self._drop()

    def _refresh_at_edges(self, moment: ClockReading | None) -> None:
        with self._lock:
            edge = self._manager.edge(moment or clock.now(), self._lead) if self._manager else self._edge
            is_new, self._edge = edge is not None and edge != self._edge, edge
        if is_new:
            self._refresh()

    def _is_needed(self, moment: ClockReading) -> bool:
        """True unless the history is ours, time has ended nothing, and nobody else has written to it."""
        with self._lock:
            try:
                return self._manager is None or self._manager.is_over(moment) or self._manager.history.changed()
            except HistoryError:  # which is told where it is dealt with
                return True

    def _is_eager(self, moment: ClockReading) -> bool:
        """Whether an evaluation should be heard now."""
        with self._lock:
            content = self._manager is not None and self._manager.is_idle(moment)
        return not content or self._is_needed(moment)

    def _attend(self, act: Act, moment: ClockReading | None) -> None:
        with self._lock:
            if self._closed:
                return
            moment = moment or clock.now()  # who waited for the lock is not of the past
            try:
                self._write(moment, act)
            except HistoryDamaged as error:
                self._begin_anew(error, moment)
            except HistoryError as error:
                self._go_blind(error, moment)
            except Exception as error:  # noqa: BLE001 - a bug in here must not end the sampling, or the alerts
                event(logger, logging.ERROR, "watch failed", exc_info=error)
                self._go_blind(HistoryError(f"internal error ({type(error).__name__}): see the log"), moment)

    def _write(self, moment: ClockReading, act: Act) -> None:
        keeper = self._manager = self._manager or self._open(moment)
        with keeper.history.transaction():
            keeper.advance(moment)
            keeper.answer(moment, self._warning)
            act(keeper, moment)
        self._show(keeper)

    def _open(self, moment: ClockReading) -> WatchManager:
        opened = History.writer(self._directory)
        try:
            keeper = WatchManager(opened, self._plan, moment, self._run, was_unwritable=self._was_unwritable)
        except BaseException:
            opened.close()
            raise
        self._run = keeper.run
        event(logger, logging.INFO, "watch history opened", directory=str(self._directory))
        return keeper

    def _show(self, keeper: WatchManager) -> None:
        """What was written may be shown."""
        before, watch = self._view.watch, keeper.watch
        state = watch.state if watch else WatchState.WAITING
        self._view = WatchView(state, watch, keeper.judgement, self._starter.waiting_for)
        self._was_unwritable, self._blind = False, None
        if watch and (before is None or (before.number, before.state) != (watch.number, watch.state)):
            event(logger, logging.INFO, f"watch {watch.state}", number=watch.number, summary=_summary(keeper))
            if self._warning and watch.state is WatchState.RUNNING:
                event(logger, logging.WARNING, "watch proves nothing", number=watch.number, reason=self._warning)

    def _go_blind(self, error: HistoryError, moment: ClockReading) -> None:
        """Go on without writing; what is shown gets worse by itself."""
        self._blind = self._manager or self._blind
        self._was_unwritable = self._was_unwritable or not isinstance(error, HistoryInUse)
        self._drop()
        if self._view.trouble != str(error):
            event(logger, logging.ERROR, "watch is blind", reason=str(error))
        judgement = self._blind.estimate(moment) if self._blind else self._view.judgement
        self._view = replace(self._view, trouble=str(error), judgement=judgement)

    def _begin_anew(self, error: HistoryDamaged, moment: ClockReading) -> None:
        """Set the damaged history aside, in sight of everybody."""
        self._drop()
        try:
            aside = history.set_aside(self._directory, moment.at)
            event(logger, logging.ERROR, "watch history damaged", reason=str(error), set_aside=str(aside.path))
            self._run = None
            self._write(
                moment, lambda keeper, now: keeper.record_lost(aside.watch, now) if aside.may_have_run else None
            )
        except HistoryError as again:
            self._go_blind(again, moment)

    def _drop(self) -> None:
        if self._manager is not None:
            self._manager.history.close()
            self._manager = None


def _summary(keeper: WatchManager) -> str:
    return keeper.judgement.summary if keeper.judgement else ""
