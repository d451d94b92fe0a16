"""Starts a watch automatically: after the migration, or at a configured time."""

import logging
from collections.abc import Iterable
from datetime import datetime

from alerts.watch.checks.sources import is_of_standby
from alerts.watch.clock import WatchTime
from alerts.watch.model.start import BY_HAND, HIDDEN, MANUAL, MIGRATION, PROBLEMS, REGISTER, STANDBY
from alerts.watch.runtime.watch_manager import WatchManager
from exporter.core.errors import ConfigError
from exporter.core.logs import event
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from exporter.metrics.snapshot import CollectorState

logger = logging.getLogger(__name__)

# The migration has two documented versions: the tables and the RPC.
VERSIONS = 2

# The mark of the last tick at which the versions of the migration were not applied.
_UNREGISTERED = 1
_ORDER = "register.order"


class AutomaticStart:
    """Decides when a watch begins.

    `start` is manual, migration, or a time in UTC. Raises: ConfigError for a time that does not exist.
    """

    def __init__(self, start: str) -> None:
        self._start = start
        self._at = None if start in (MANUAL, MIGRATION) else _time(start)
        self._is_marked = False
        self._warned = ""
        self.waiting_for = {MANUAL: BY_HAND, MIGRATION: f"the migration's versions in {REGISTER}"}.get(start, start)

    @property
    def is_waiting(self) -> bool:
        """Whether a watch may begin without a command."""
        return self._start != MANUAL

    def check(self, manager: WatchManager, states: Iterable[CollectorState], now: WatchTime, steady: float) -> None:
        """Begin a watch if it is due, in the manager's transaction. `steady` is the monotonic time, seconds."""
        if self._start == MIGRATION:
            states = tuple(states)
            problem = STANDBY if any(map(is_of_standby, states)) else HIDDEN
            self._check_versions(manager, registered(states, steady), now, problem)
        elif (
            self._at is not None
            and self._at <= now.at < self._at + manager.duration  # later, the watch would be over
            and not manager.running
            and manager.last_begun(self._start) < 0
        ):
            manager.begin(self._start, now)

    def _check_versions(self, manager: WatchManager, applied: bool | None, now: WatchTime, problem: int) -> None:
        """Begin one watch each time that the versions are applied: they may be rolled back and applied again."""
        for number in PROBLEMS:
            is_set = applied is None and number == problem
            if is_set is not (manager.marked(number) is not None):
                manager.mark(number, is_set=is_set)
        self._warn_once("" if applied is not None else PROBLEMS[problem])
        if applied is False:
            if not self._is_marked:
                manager.mark(_UNREGISTERED)
            self._is_marked = True
        elif applied and not manager.running and self._is_new(manager):
            manager.begin(MIGRATION, now)
            self._is_marked = False

    def _is_new(self, manager: WatchManager) -> bool:
        last, unregistered = manager.last_begun(MIGRATION), manager.marked(_UNREGISTERED)
        return last < 0 or (unregistered is not None and unregistered > last)

    def _warn_once(self, text: str) -> None:
        if text and text != self._warned:
            event(logger, logging.WARNING, "watch cannot begin automatically", reason=text)
        self._warned = text
        self.waiting_for = text or f"the migration's versions in {REGISTER}"


def _time(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise ConfigError((f"watch.start: {error}",)) from error


def registered(states: Iterable[CollectorState], now: float) -> bool | None:
    """Whether all versions of the migration are applied; None where that is unknown.

    `now` is the monotonic time, seconds.
    """
    usable = [state for state in states if state.fresh(now) and not is_of_standby(state)]
    readings = [each for state in usable for each in state.readings if isinstance(each, Reading)]
    found = [
        each.value == 1
        for each in readings
        if each.metric is catalogue.MIGRATION_CHECK_OK
        and each.labels[0].startswith("register.")
        and each.labels[0] != _ORDER
    ]
    if not all(found):
        return False
    return True if len(found) == VERSIONS else None
