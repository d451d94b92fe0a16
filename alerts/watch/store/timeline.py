"""Where we are on a history's own time line, which no stepped clock bends."""

from dataclasses import dataclass

from alerts.watch import clock
from alerts.watch.clock import ClockReading
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun


@dataclass(frozen=True, slots=True)
class Position:
    """A moment on the time line, seconds; by how much the wall clock was set since the latest tick; whose that was."""

    t: float
    step: float = 0.0
    run: ExporterRun | None = None


def position(history: History, moment: ClockReading) -> Position:
    """Where a moment lies that is not before the latest tick. Raises: HistoryError."""
    last = history.last()
    if last is None:
        return Position(0.0)
    run = history.get(ExporterRun, last.run)
    passed = clock.passed(ClockReading(last.at, last.steady, run.era if run else ""), moment)
    return Position(round(last.t / 1000 + passed.seconds, 3), passed.step, run)
