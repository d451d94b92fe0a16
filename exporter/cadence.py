"""How often a collector may run: a guest spends no more than its share of the host's time. Pure."""

from exporter.config import SamplingSettings
from exporter.errors import Reason
from exporter.model import Run

# What these cost is waiting, not the database's work; and the sooner we look again, the sooner the series are back.
_FREE = frozenset({Reason.LOCK, Reason.CONNECTION})


# What pages may overdraw its budget by a tenth before it is asked less often: a fifth over ten minutes, the first run
# and its cold cache included. So a count of up to 0.33 s, such as of a backlog of a million, is never older than 30 s.
OVERDRAFT = 1.1


def next_interval(
    base: float, run: Run, settings: SamplingSettings, *, pages: bool = False, before: float = float("inf")
) -> float:
    """Seconds until the collector's next run, counted from the start of this one. `pages`: somebody is woken by it.

    After waiting in vain, the sampling interval. Else the base interval, stretched up to `max_interval` so that the
    run's cost is at most `budget_ratio` of it, and the rows it noted at most `rows_per_second`. A cheaper run
    brings it back at once. What pages, and succeeded, is stretched to twice the interval `before` at most: one dear run
    may be a cold cache, and is no reason to see nothing for minutes.
    """
    reasons = {failure.reason for failure in run.outcome.failures}
    if reasons & _FREE:
        return min(base, settings.interval)
    affordable = run.cost / (settings.budget_ratio * (OVERDRAFT if pages else 1))
    if Reason.TIMEOUT in reasons:
        # It taught us nothing but that it is dear: the same again would cost as much for as little.
        affordable *= 2
    if pages and not reasons:
        affordable = min(affordable, 2 * before)
    return max(base, min(max(affordable, run.outcome.rows / settings.rows_per_second), settings.max_interval))
