"""Did a clean-up run when it was due? Judged by what is left behind, not by what cron says of itself."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from alerts.watch.model import CleanupSchedule, Tick
from exporter.core.humanize import utc

_DAY = timedelta(days=1)
# What was due so shortly before the end that nobody could have seen it done is not held against anybody.
_SOON = 600.0


class CleanupOutcome(Enum):
    """What became of one that was due."""

    DONE = 1
    OVERDUE = 2
    UNKNOWN = 3


@dataclass(slots=True)
class CleanupTracker:
    """Watches one schedule. What it leaves behind has the database's times, so that our clock hardly matters."""

    schedule: CleanupSchedule
    collectors: frozenset[str]
    started_at: float
    _ahead: float | None = None
    _found: dict[float, CleanupOutcome] = field(default_factory=dict)

    def add(self, tick: Tick, offset: float = 0.0) -> None:
        """One tick, in the order of time. `offset` is by how much the wall clock was set: the earlier time counts."""
        at = min(tick.at, tick.at - offset)
        if self._ahead is None:
            # Read when the server starts; only a change between summer and winter moves it, within the grace.
            self._ahead = tick.values.get(self.schedule.clock)
        if self._ahead is None:
            return
        if any(trouble.stale and trouble.collector in self.collectors for trouble in tick.troubles):
            return
        due = latest(self.schedule, at, self._ahead)
        if due < self.started_at or self._found.get(due) is CleanupOutcome.DONE:
            return
        oldest = tick.values.get(self.schedule.oldest)
        clean = oldest is None or oldest >= due - self.schedule.keeps
        late = at > due + self.schedule.grace
        if clean and not late:
            self._found[due] = CleanupOutcome.DONE
        elif late and not clean:
            self._found[due] = CleanupOutcome.OVERDUE

    def outcomes(self, now: float, *, final: bool) -> dict[float, CleanupOutcome] | None:
        """Every one that has been due, by its time; None when it is not known by which clock.

        While the watch goes on, one that may still run is left out.
        """
        if self._ahead is None:
            return None
        due, dues = latest(self.schedule, now - (_SOON if final else 0.0), self._ahead), []
        while due >= self.started_at:
            dues.append(due)
            due = latest(self.schedule, due - 1, self._ahead)
        pending = {due for due in dues if not final and now <= due + self.schedule.grace and due not in self._found}
        return {due: self._found.get(due, CleanupOutcome.UNKNOWN) for due in reversed(dues) if due not in pending}


def latest(schedule: CleanupSchedule, at: float, ahead: float) -> float:
    """When it was due last, at that time or before, by a clock ahead of UTC by so many seconds. Units: Unix seconds."""
    moment = utc(at + ahead)
    due = moment.replace(hour=schedule.hour, minute=0, second=0, microsecond=0)
    while due > moment or schedule.weekday not in (None, due.weekday()):
        due -= _DAY
    return due.timestamp() - ahead
