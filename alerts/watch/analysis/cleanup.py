"""Checks of scheduled clean-ups, by the rows that are left rather than by what pg_cron reports."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from alerts.watch.model.check import CleanupSchedule
from alerts.watch.model.tick import Tick
from exporter.core.humanize import utc

_DAY = timedelta(days=1)
# Seconds. A clean-up that was due so shortly before the end of the watch does not count: no tick could show it.
_LEAST_TIME = 600.0


class CleanupOutcome(Enum):
    """The outcome of one clean-up that was due."""

    DONE = 1
    OVERDUE = 2
    UNKNOWN = 3


@dataclass(slots=True)
class CleanupTracker:
    """Tracks one schedule from `started_at`, Unix seconds. Without the results of `collectors` nothing is known.

    Rows have database times, so the exporter's clock hardly matters.
    """

    schedule: CleanupSchedule
    collectors: frozenset[str]
    started_at: float
    _ahead: float | None = None
    _found: dict[float, CleanupOutcome] = field(default_factory=dict)

    def add(self, tick: Tick, offset: float = 0.0) -> None:
        """Add one tick, in the order of time. `offset`: seconds by which the wall clock was set; the earlier counts."""
        at = min(tick.at, tick.at - offset)
        if self._ahead is None:
            # The server reads it when it starts; only daylight saving time changes it, by less than the grace period.
            self._ahead = tick.values.get(self.schedule.clock)
        if self._ahead is None or not tick.known(self.collectors):
            return
        due = latest(self.schedule, at, self._ahead)
        if due < self.started_at or self._found.get(due) is CleanupOutcome.DONE:
            return
        oldest = tick.values.get(self.schedule.oldest)
        is_clean = oldest is None or oldest >= due - self.schedule.keeps
        is_late = at > due + self.schedule.grace
        if is_clean and not is_late:
            self._found[due] = CleanupOutcome.DONE
        elif is_late and not is_clean:
            self._found[due] = CleanupOutcome.OVERDUE

    def outcomes(self, now: float, *, final: bool) -> dict[float, CleanupOutcome] | None:
        """The outcome of each clean-up by its due time, Unix seconds, up to `now`; None when its clock is not known.

        Before the end of the watch (`final`), those in their grace period are left out.
        """
        if self._ahead is None:
            return None
        due, dues = latest(self.schedule, now - (_LEAST_TIME if final else 0.0), self._ahead), []
        while due >= self.started_at:
            dues.append(due)
            due = latest(self.schedule, due - 1, self._ahead)
        pending = {due for due in dues if not final and now <= due + self.schedule.grace and due not in self._found}
        return {due: self._found.get(due, CleanupOutcome.UNKNOWN) for due in reversed(dues) if due not in pending}


def latest(schedule: CleanupSchedule, at: float, ahead: float) -> float:
    """The latest due time not after `at`, by a clock `ahead` seconds ahead of UTC. Units: Unix seconds."""
    local = utc(at + ahead)
    due = local.replace(hour=schedule.hour, minute=0, second=0, microsecond=0)
    while due > local or schedule.weekday not in (None, due.weekday()):
        due -= _DAY
    return due.timestamp() - ahead
