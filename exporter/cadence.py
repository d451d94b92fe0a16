"""How often a collector may run: a guest spends no more than its share of the host's time. Pure."""

from exporter.config import SamplingSettings
from exporter.errors import Reason
from exporter.model import Run

# What these cost is waiting, not the database's work; and the sooner we look again, the sooner the series are back.
_FREE = frozenset({Reason.LOCK, Reason.CONNECTION})


def next_interval(base: float, run: Run, settings: SamplingSettings) -> float:
    """Seconds until the collector's next run, counted from the start of this one.

    The base interval, stretched so that the run's duration is at most `budget_ratio` of it, up to `max_interval`.
    A cheaper run brings it back at once.
    """
    if any(failure.reason in _FREE for failure in run.outcome.failures):
        return base
    affordable = run.duration / settings.budget_ratio
    return max(base, min(affordable, settings.max_interval))
