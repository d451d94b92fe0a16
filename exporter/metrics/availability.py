"""Which metrics the jobs of a mapping cannot have, and why: what no row tells is absent, never 0."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from exporter.metrics import catalogue as c
from exporter.metrics.catalogue import COLLECTORS, CollectorName, Metric
from exporter.outbox.mapping import DEFAULT, OutboxMapping

_OF_QUEUES = (
    c.QUEUE_PENDING_JOBS,
    c.QUEUE_OLDEST_PENDING,
    c.QUEUE_EXHAUSTED_JOBS,
    c.QUEUE_OLDEST_EXHAUSTED,
    c.QUEUE_CREATED_JOBS,
    c.QUEUE_PROCESSED_JOBS,
    c.QUEUE_LAST_HOUR_PROCESSED,
    c.QUEUE_LAST_HOUR_FAILURE_RATIO,
)
_OF_EXHAUSTED = (c.QUEUE_EXHAUSTED_JOBS, c.QUEUE_OLDEST_EXHAUSTED)
_UNTOLD_EXHAUSTED = "no column says which jobs are not attempted any more"
_OF_FAILURES = (c.LAST_HOUR_FAILURE_RATIO, c.QUEUE_LAST_HOUR_FAILURE_RATIO)
_OF_PROCESSING_TIME = (c.PROCESSING_TIME, c.LAST_HOUR_PROCESSING_TIME, c.CLOCK_SKEW_JOBS, c.ODD_ROWS)
_UNTOLD_PROCESSED = "no column says when a job was processed"
_OF_PROCESSED = (*COLLECTORS[CollectorName.THROUGHPUT], *COLLECTORS[CollectorName.LAST_HOUR])
_OF_WAITING = (c.OLDEST_PENDING, c.QUEUE_OLDEST_PENDING, c.QUEUE_OLDEST_EXHAUSTED)
_OF_DEFAULT_TABLES = tuple(
    metric
    for name in (CollectorName.EVENTS, CollectorName.IDEMPOTENCY, CollectorName.MIGRATION)
    for metric in COLLECTORS[name]
)
_OF_CREATION = (c.CREATED_JOBS, c.QUEUE_CREATED_JOBS, c.UNACCOUNTED_JOBS)


def unknown_states(mapping: OutboxMapping) -> Mapping[str, str]:
    """The states of pending jobs that are absent, with the reason: their jobs are among those of another state."""
    reasons = {"failing": "no column says which jobs were attempted", "exhausted": _UNTOLD_EXHAUSTED}
    told = {"failing": mapping.has_attempts, "exhausted": mapping.has_exhausted or bool(mapping.attempts)}
    return MappingProxyType({state: reason for state, reason in reasons.items() if not told[state]})


@lru_cache(maxsize=16)
def unknown_metrics(mapping: OutboxMapping) -> Mapping[Metric, str]:
    """The metrics that are absent, with the reason. Shape: a metric with several reasons has the first."""
    found: dict[Metric, str] = {}
    for metric, reason in _unknown(mapping):
        found.setdefault(metric, reason)
    return MappingProxyType(found)


def collectors(mapping: OutboxMapping) -> frozenset[CollectorName]:
    """The collectors that have something to tell."""
    unknown = unknown_metrics(mapping)
    return frozenset(name for name, metrics in COLLECTORS.items() if any(metric not in unknown for metric in metrics))


def _unknown(mapping: OutboxMapping) -> Iterator[tuple[Metric, str]]:
    m = mapping
    untold = "the row of a processed job is deleted" if m.is_removed_when_processed else _UNTOLD_PROCESSED
    waits = m.has_created or m.due
    for is_told, metrics, reason in (
        (m.has_processed, _OF_PROCESSED, untold),
        (m.has_created, _OF_PROCESSING_TIME, "no column says when a job was created"),
        (waits, _OF_WAITING, "no column says since when a job waits"),
        (m.has_failures, _OF_FAILURES, "no column says when an attempt failed"),
        (m.queue, _OF_QUEUES, "no column says which queue a job belongs to"),
        (m.due, (c.SCHEDULED_JOBS,), "jobs have no time at which they are due"),
        ("exhausted" not in unknown_states(m), _OF_EXHAUSTED, _UNTOLD_EXHAUSTED),
        (m.has_running, (c.RUNNING_JOBS,), "no column says which jobs a worker has"),
        (m.is_conserved, _OF_CREATION, "a job may leave the backlog without being processed"),
        (m == DEFAULT, (c.HEAD_BLOCKED_JOBS,), "which jobs a worker takes next is known of the default table only"),
        (m == DEFAULT, _OF_DEFAULT_TABLES, "belongs to the default tables"),
    ):
        if not is_told:
            yield from ((metric, reason) for metric in metrics)
