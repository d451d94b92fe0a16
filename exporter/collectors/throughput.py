"""What gets done, how long it takes and how much of it fails."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter import names
from exporter.config import SamplingSettings
from exporter.database import Session
from exporter.labels import Labels
from exporter.model import Distribution, Reading
from exporter.tally import SETTLING, NewRows
from exporter.visibility import Table


@dataclass(frozen=True, slots=True)
class LastHour:
    """One row of sql/processed_last_hour.sql; `queue` is None in the row about all of them. Averages in seconds."""

    queue: str | None
    processed: int
    processed_avg: float | None
    created_avg: float | None


@dataclass(frozen=True, slots=True)
class ProcessedJob:
    """One row of sql/processed_since.sql: `at` in Unix seconds, `seconds` from creation to processing."""

    id: str
    at: float
    queue: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Failing:
    """The one row of sql/failing_last_hour.sql."""

    failing: int
    looked_at: int


@dataclass(frozen=True, slots=True)
class Retention:
    """The one row of sql/oldest_processed.sql, Unix seconds."""

    oldest: float | None


class ProcessedTally:
    """Totals over the jobs seen to become processed since the exporter started."""

    def __init__(self) -> None:
        self.new_rows: NewRows[ProcessedJob] = NewRows()
        self._by_queue: Counter[str] = Counter()
        self._buckets = [0] * (len(names.PROCESSING_TIME_BUCKETS) + 1)
        self._seconds = 0.0
        self._skewed = 0

    def add(self, jobs: Iterable[ProcessedJob], queues: Labels) -> None:
        """Count these jobs; a negative processing time is 0 seconds and a sign of clock skew."""
        for job in jobs:
            seconds = max(0.0, job.seconds)
            self._by_queue[queues(job.queue)] += 1
            self._buckets[bisect_left(names.PROCESSING_TIME_BUCKETS, seconds)] += 1
            self._seconds += seconds
            self._skewed += job.seconds < 0

    def readings(self) -> Iterator[Reading | Distribution]:
        """The totals as they stand."""
        yield Reading(names.PROCESSED_JOBS, self._by_queue.total())
        yield Reading(names.CLOCK_SKEW_JOBS, self._skewed)
        yield Distribution(names.PROCESSING_TIME, names.PROCESSING_TIME_BUCKETS, tuple(self._buckets), self._seconds)
        for queue, count in self._by_queue.items():
            yield Reading(names.QUEUE_PROCESSED_JOBS, count, (queue,))


class Throughput:
    """Jobs processed, processing time, failure ratio, retention.

    Shape: averages and ratio are absent when there is nothing to divide by; counters are always there.
    Source: sql/processed_last_hour.sql, processed_since.sql, failing_last_hour.sql, oldest_processed.sql.
    """

    name = "throughput"
    statements = ("processed_last_hour", "failing_last_hour", "oldest_processed", "processed_since")
    reads = (
        Table("job_outbox", ("outbox_id", "queue_name", "attempts", "created_at", "processed_at", "last_attempt_at")),
    )

    def __init__(self, settings: SamplingSettings, queues: Labels) -> None:
        self._settings = settings
        self._queues = queues
        self._tally = ProcessedTally()

    def read(self, session: Session) -> Iterable[Reading | Distribution]:
        """One sample of what was done. Raises: SampleError."""
        limit = self._settings.count_limit
        hour = session.fetch("processed_last_hour", LastHour, skew=SETTLING)
        failing = session.fetch_one("failing_last_hour", Failing, count_limit=limit)
        retention = session.fetch_one("oldest_processed", Retention)
        self._count(session)
        total = next(row for row in hour if row.queue is None)
        return (
            Reading(names.LAST_HOUR_PROCESSED, total.processed),
            *averages(total),
            *failure_ratio(failing, total.processed, limit),
            *by_queue(hour, self._queues),
            *_oldest(retention),
            *self._tally.readings(),
        )

    def _count(self, session: Session) -> None:
        new_rows = self._tally.new_rows
        jobs = session.fetch("processed_since", ProcessedJob, since=new_rows.since(session.now))
        self._tally.add(new_rows.admit(jobs, session.now), self._queues)


def averages(total: LastHour) -> Iterator[Reading]:
    """Mean processing time of either cohort, where it has jobs."""
    for cohort, seconds in zip(names.COHORTS, (total.created_avg, total.processed_avg), strict=True):
        if seconds is not None:
            yield Reading(names.LAST_HOUR_PROCESSING_TIME, seconds, (cohort,))


def failure_ratio(failing: Failing, processed: int, limit: int) -> Iterator[Reading]:
    """Failing over tried; unknown when nothing was tried, or when the backlog was too long to look through."""
    tried = failing.failing + processed
    if tried and failing.looked_at < limit:
        yield Reading(names.LAST_HOUR_FAILURE_RATIO, failing.failing / tried)


def by_queue(hour: Iterable[LastHour], queues: Labels) -> Iterator[Reading]:
    """Jobs processed in the last hour, by queue."""
    counts = queues.sum((row.queue, row.processed) for row in hour if row.queue is not None and row.processed)
    for queue, count in counts.items():
        yield Reading(names.QUEUE_LAST_HOUR_PROCESSED, count, (queue,))


def _oldest(retention: Retention) -> Iterator[Reading]:
    if retention.oldest is not None:
        yield Reading(names.OLDEST_PROCESSED, retention.oldest)
