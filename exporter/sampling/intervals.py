"""How often a collector may run: a guest spends no more than its share of the host's time. Pure."""

import math
from collections.abc import Sequence

from exporter.config.settings import SamplingSettings
from exporter.core.errors import Reason
from exporter.metrics.readings import CollectorRun

# What these cost is waiting, not the database's work; and the sooner we look again, the sooner the series are back.
_WITHOUT_COST = frozenset({Reason.LOCK, Reason.CONNECTION, Reason.STALE})

# What pages may overdraw its budget by this much rather than grow older than twice the interval that was asked for:
# at defaults, a count of up to 0.35 s, such as of a backlog of a million, is never older than 30 s.
CRITICAL_BUDGET_FACTOR = 1.2
# An interval that is longer than so many steps by less than this is as long as they are: quotients are not exact.
_SLACK = 1e-6


def next_interval(base: float, run: CollectorRun, settings: SamplingSettings) -> float:
    """Seconds until the next run of a collector that decorates, counted from the start of this one.

    After waiting in vain, the sampling interval. Else the base interval, or the sampling interval after any other
    failure, stretched up to `max_interval` so that the run's cost is at most `budget_ratio` of it, and the rows it
    noted at most `rows_per_second`; then to a multiple of the sampling interval, so that all that is due is due at
    once: waking for one question alone costs the processor as much as the question. A cheaper run brings it back at
    once.
    """
    # What could not be renewed soon vanishes, so a failure is retried as early as its cost allows.
    base = base if run.succeeded else min(base, settings.interval)
    interval = _bounded(base, run, settings, _affordable(run, settings))
    return interval if interval <= base else min(_in_step(interval, settings.interval), settings.max_interval)


def next_critical_interval(
    base: float, run: CollectorRun, settings: SamplingSettings, before: float, costs: Sequence[float]
) -> float:
    """As `next_interval`, for what wakes somebody. `costs` are those of its latest successes, this one's included.

    One dear run may be a cold cache, and is no reason to see nothing for minutes: what succeeded costs what the latest
    did on average, or less, and a value may grow twice as old as with the interval `before` at most. Where a run takes
    as long as that interval, which leaves nothing, it is half as long again.
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
    # A timeout taught us nothing but that it is dear: the same again would cost as much for as little.
    return 2 * affordable if any(failure.reason is Reason.TIMEOUT for failure in run.outcome.failures) else affordable


def _bounded(base: float, run: CollectorRun, settings: SamplingSettings, interval: float) -> float:
    if any(failure.reason in _WITHOUT_COST for failure in run.outcome.failures):
        return base
    return max(base, min(max(interval, run.outcome.rows / settings.rows_per_second), settings.max_interval))
