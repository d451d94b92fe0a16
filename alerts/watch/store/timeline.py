"""The time line of a history: seconds that no step of the wall clock changes."""

from dataclasses import dataclass

from alerts.watch import clock
from alerts.watch.clock import WatchTime
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun


@dataclass(frozen=True, slots=True)
class Position:
    """A place on the time line, seconds; the step of the wall clock since the latest tick; the run of that tick."""

    t: float
    step: float = 0.0
    run: ExporterRun | None = None


def position(history: History, now: WatchTime) -> Position:
    """The place of a reading that is not before the latest tick. Raises: HistoryError."""
    last = history.last()
    if last is None:
        return Position(0.0)
    run = history.get(ExporterRun, last.run)
    elapsed = clock.elapsed(WatchTime(last.at, last.steady, run.era if run else ""), now)
    return Position(round(last.t / 1000 + elapsed.seconds, 3), elapsed.step, run)
