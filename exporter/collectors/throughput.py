"""What gets done and how long it takes, counted from row to row."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter import indexes, names
from exporter.database import Session
from exporter.labels import Labels
from exporter.model import Distribution, Reading
from exporter.tally import NewRows
from exporter.visibility import Table


@dataclass(frozen=True, slots=True)
class ProcessedJob:
    """One row of sql/processed_since.sql: `at` in Unix seconds, `seconds` from creation to processing."""

    id: str
    at: float
    queue: str
    seconds: float


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
    """Jobs seen to become processed since the exporter started, and their processing times.

    Shape: the totals always, queues as they occur. Source: sql/processed_since.sql.
    """

    name = "throughput"
    index = indexes.PROCESSED
    statements = ("processed_since",)
    reads = (Table("job_outbox", ("outbox_id", "queue_name", "created_at", "processed_at")),)

    def __init__(self, queues: Labels) -> None:
        self._queues = queues
        self._tally = ProcessedTally()

    def read(self, session: Session) -> Iterable[Reading | Distribution]:
        """The totals after one more look. Raises: SampleError."""
        new_rows = self._tally.new_rows
        jobs = session.fetch("processed_since", ProcessedJob, since=new_rows.since(session.now))
        self._tally.add(new_rows.admit(jobs, session.now), self._queues)
        return tuple(self._tally.readings())
