"""What begins a watch without being told: the migration, or a time."""

import logging
from collections.abc import Iterable
from datetime import datetime

from alerts.watch.checks.sources import is_of_standby
from alerts.watch.clock import ClockReading
from alerts.watch.runtime.watch_manager import WatchManager
from exporter.core.errors import ConfigError
from exporter.core.logs import event
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading
from exporter.metrics.snapshot import CollectorState

logger = logging.getLogger(__name__)

# Documented are two: the tables and the RPC.
VERSIONS = 2

MANUAL = "manual"
MIGRATION = "migration"

# The mark of the last moment at which the migration was seen not to be registered.
_UNREGISTERED = 1
_ORDER = "register.order"
_BY_HAND = "outbox-exporter watch start"
_REGISTER = "supabase_migrations.schema_migrations"
# Why the register tells nothing, each by the number of the mark that is there meanwhile.
_HIDDEN, _STANDBY = 2, 3
TROUBLES = {
    _HIDDEN: f"{_REGISTER} is not visible: begin the watch by hand, {_BY_HAND}, or let the exporter's role see it, "
    "exporter/sql/setup/grant_migration_access.sql",
    _STANDBY: f"{_REGISTER} is asked of a standby: begin the watch by hand, {_BY_HAND}",
}


class AutomaticStart:
    """Decides when a watch begins.

    `start` is manual, migration, or a time in UTC as the configuration has it. Raises: ConfigError for a time that
    does not exist.
    """

    def __init__(self, start: str) -> None:
        self._start = start
        self._at = None if start in (MANUAL, MIGRATION) else _time(start)
        self._noted = False
        self._said = ""
        self.waiting_for = {MANUAL: _BY_HAND, MIGRATION: f"the migration's versions in {_REGISTER}"}.get(start, start)

    @property
    def is_waiting(self) -> bool:
        """Whether something else than a command may begin a watch."""
        return self._start != MANUAL

    def look(self, keeper: WatchManager, states: Iterable[CollectorState], moment: ClockReading, now: float) -> None:
        """Begin a watch if it is time; in the keeper's transaction. `now` by the monotonic clock."""
        if self._start == MIGRATION:
            states = tuple(states)
            trouble = _STANDBY if any(map(is_of_standby, states)) else _HIDDEN
            self._look_at_register(keeper, registered(states, now), moment, trouble)
        elif self._at is not None:
            self._look_at_clock(keeper, self._at, moment)

    def _look_at_register(self, keeper: WatchManager, known: bool | None, moment: ClockReading, trouble: int) -> None:
        """Once for each time that the versions appear: they may be rolled back and come again."""
        for number in TROUBLES:
            is_set = known is None and number == trouble
            if is_set is not (keeper.marked(number) is not None):
                keeper.mark(number, is_set=is_set)
        if known is None:
            self._say_once(TROUBLES[trouble])
            return
        self._say_once("")
        if not known:
            if not self._noted:
                keeper.mark(_UNREGISTERED)
            self._noted = True
        elif not keeper.running and self._is_news(keeper):
            keeper.begin(MIGRATION, moment)
            self._noted = False

    def _is_news(self, keeper: WatchManager) -> bool:
        last, unregistered = keeper.last_begun(MIGRATION), keeper.marked(_UNREGISTERED)
        return last < 0 or (unregistered is not None and unregistered > last)

    def _look_at_clock(self, keeper: WatchManager, begins: float, moment: ClockReading) -> None:
        """Once; not when so much time has gone by that the watch would be over."""
        in_time = begins <= moment.at < begins + keeper.duration
        if in_time and not keeper.running and keeper.last_begun(self._start) < 0:
            keeper.begin(self._start, moment)

    def _say_once(self, text: str) -> None:
        if text and text != self._said:
            event(logger, logging.WARNING, "watch cannot begin by itself", reason=text)
        self._said = text
        self.waiting_for = text or f"the migration's versions in {_REGISTER}"


def _time(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise ConfigError((f"watch.start: {error}",)) from error


def registered(states: Iterable[CollectorState], now: float) -> bool | None:
    """Whether all versions of the migration are registered as applied; None where nothing proves it."""
    believed = [state for state in states if state.fresh(now) and not is_of_standby(state)]
    readings = [each for state in believed for each in state.readings if isinstance(each, Reading)]
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
