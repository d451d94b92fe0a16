"""How often a collector runs, so that it spends at most its share of the database's time. Pure."""

import math
from collections.abc import Sequence

from exporter.config.settings import SamplingSettings
from exporter.core.errors import Reason
from exporter.metrics.readings import CollectorRun

# These cost waiting, and no work of the database; the sooner the next run, the sooner the series are back.
_WITHOUT_COST = frozenset({Reason.LOCK, Reason.CONNECTION, Reason.AUTHENTICATION, Reason.STALE})

# A critical collector may exceed its budget by this factor, so that its values grow no older than twice the sampling
# interval: at defaults, a count of up to 0.35 s, such as of a backlog of a million, is never older than 30 s.
CRITICAL_BUDGET_FACTOR = 1.2
# Tolerance for quotients of floats that should be whole numbers.
_SLACK = 1e-6


def next_interval(base: float, run: CollectorRun, settings: SamplingSettings) -> float:
    """Seconds from the start of this run to the next one, of an informational collector.

    After waiting in vain it is the base interval. Else it is the base interval, or the sampling interval after any
    other failure, extended up to `max_interval` so that the run's cost is at most `budget_ratio` of it, and the rows it
    noted at most `rows_per_second`. Then it is extended to a multiple of the sampling interval, so that collectors are
    due together: waking up for one costs the processor as much as its sample. A cheaper run resets it at once.
    Units: `base` seconds.
    """
    # Series that are not renewed disappear soon, so a failure is retried as early as its cost allows.
    base = base if run.succeeded else min(base, settings.interval)
    interval = _bounded(base, run, settings, _affordable(run, settings))
    return interval if interval <= base else min(_in_step(interval, settings.interval), settings.max_interval)


def next_critical_interval(
    base: float, run: CollectorRun, settings: SamplingSettings, before: float, costs: Sequence[float]
) -> float:
    """As `next_interval`, for a critical collector.

    One expensive run may be due to a cold cache, and is no reason to sample nothing for minutes. So a success costs the
    average of the latest ones, or less, and a value grows at most twice as old as with the interval `before`. Where a
    run takes as long as that, the interval grows by half.
    Units: `base`, `before` and `costs` seconds. Shape: `costs` are those of the latest successes, this one's included.
    """
    if not run.succeeded:
        return next_interval(base, run, settings)
    cost = min(run.cost, sum(costs) / len(costs))
    interval = min(cost / settings.budget_ratio, max(2 * before - run.duration, 1.5 * before))
    lowest_age_interval = 2 * base - run.duration
    if cost <= CRITICAL_BUDGET_FACTOR * settings.budget_ratio * lowest_age_interval:
        interval = min(interval, lowest_age_interval)
    return _bounded(base, run, settings, interval)


def _in_step(interval: float, step: float) -> float:
    return math.ceil(interval / step - _SLACK) * step


def _affordable(run: CollectorRun, settings: SamplingSettings) -> float:
    """The shortest interval that keeps within the budget if every run costs as much as this one."""
    affordable = run.cost / settings.budget_ratio
    # After a timeout it is known only that it is expensive: the same again would cost as much, for no result.
    return 2 * affordable if any(failure.reason is Reason.TIMEOUT for failure in run.outcome.failures) else affordable


def _bounded(base: float, run: CollectorRun, settings: SamplingSettings, interval: float) -> float:
    if any(failure.reason in _WITHOUT_COST for failure in run.outcome.failures):
        return base
    return max(base, min(max(interval, run.outcome.rows / settings.rows_per_second), settings.max_interval))
