"""Processed jobs and their processing times, counted row by row."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from exporter.collectors.database import DatabaseCollector
from exporter.collectors.departures import Departed, Departures
from exporter.collectors.watermark import Watermark
from exporter.database import DatabaseClient, Session, indexes
from exporter.database.indexes import IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics import catalogue
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD_NEW
from exporter.metrics.readings import Distribution, Reading


@dataclass(frozen=True, slots=True)
class ProcessedJobs:
    """The one row of sql/processed_since.sql: one entry per job; `ats` Unix seconds, `seconds` from creation on.

    None stands for a queue that a job does not have, and for a processing time that no believable times give.
    """

    settled_jobs: int
    settled_micros: int
    ids: list[str]
    ats: list[float]
    queues: list[str | None]
    seconds: list[float | None]


class ProcessedTotals:
    """Totals over the jobs seen to become processed since the exporter started."""

    def __init__(self) -> None:
        self._by_queue: Counter[str] = Counter()
        self._buckets = [0] * (len(catalogue.PROCESSING_TIME_BUCKETS) + 1)
        self._seconds = 0.0
        self._skewed = 0

    def add(self, queue: str, seconds: float | None) -> None:
        """Count a job; a negative processing time is 0 seconds and a sign of clock skew, and None is not known."""
        self._by_queue[queue] += 1
        if seconds is None:
            return
        self._skewed += seconds < 0
        seconds = max(0.0, seconds)
        self._buckets[bisect_left(catalogue.PROCESSING_TIME_BUCKETS, seconds)] += 1
        self._seconds += seconds

    @property
    def jobs(self) -> int:
        """How many there were."""
        return self._by_queue.total()

    def readings(self, skewed: int) -> Iterator[Reading | Distribution]:
        """The totals; `skewed` is how many other jobs show a clock skew."""
        yield Reading(catalogue.PROCESSED_JOBS, self.jobs)
        yield Reading(catalogue.CLOCK_SKEW_JOBS, self._skewed + skewed)
        yield Distribution(
            catalogue.PROCESSING_TIME, catalogue.PROCESSING_TIME_BUCKETS, tuple(self._buckets), self._seconds
        )
        for queue, count in self._by_queue.items():
            yield Reading(catalogue.QUEUE_PROCESSED_JOBS, count, (queue,))


class ThroughputCollector(DatabaseCollector):
    """Jobs seen to become processed since the exporter started, their processing times, and unaccounted jobs.

    Shape: the totals always, queues as they occur; unaccounted jobs where they can be known.
    Source: sql/processed_since.sql, sql/departed.sql.
    """

    name = "throughput"
    index = indexes.PROCESSED
    bitmap_scans = True
    statements = ("processed_since", "departed")
    reads = (Table("job_outbox", ("outbox_id", "queue_name", "created_at", "processed_at")),)

    def __init__(
        self, database: DatabaseClient, index_catalogue: IndexCatalogue, queues: LabelLimit, departures: Departures
    ) -> None:
        super().__init__(database, index_catalogue)
        self._queues = queues
        self._departures = departures
        self._watermark = Watermark()
        self._totals = ProcessedTotals()

    def read(self, session: Session) -> Iterable[Reading | Distribution]:
        """The totals after one more sample. Raises: SampleError."""
        since = self._watermark.since(session.now)
        jobs, until, checked = self._fetch_new(session)
        for place in self._watermark.add(jobs.ids, jobs.ats, session.now, until, checked=checked):
            self._totals.add(self._queues(jobs.queues[place]), jobs.seconds[place])
        self._account(session, since, jobs)
        return (*self._totals.readings(self._departures.skewed), *self._departures.readings())

    def _fetch_new(self, session: Session) -> tuple[ProcessedJobs, float, bool]:
        """New jobs, from when on they are listed, and whether the window before was checked.

        It is whenever a job has left the backlog and is not among those that were read.
        """
        fetch = partial(self._watermark.fetch_new, session.now, partial(_fetch, session), _settled_sums)
        if not self._watermark.is_check_due(session.now):
            jobs, until = fetch(check=False)
            listed = frozenset(jobs.ids)
            if not self._departures.have_left(lambda job: job in listed or job in self._watermark):
                return jobs, until, False
        return *fetch(), True

    def _account(self, session: Session, since: float, jobs: ProcessedJobs) -> None:
        departures, listed = self._departures, frozenset(jobs.ids)
        if session.is_standby:
            departures.forget()
        departures.balance.window(session.now - since)
        if ids := departures.find_uncounted(lambda job: job in listed or job in self._watermark):
            departures.found(session.fetch("departed", Departed, ids=ids))
        departures.compare(self._totals.jobs)


def _fetch(session: Session, since: float, until: float) -> ProcessedJobs:
    return session.fetch_one(
        "processed_since", ProcessedJobs, since=since, until=until, latest=session.now + MAX_CLOCK_LEAD_NEW
    )


def _settled_sums(jobs: ProcessedJobs) -> tuple[int, int]:
    return jobs.settled_jobs, jobs.settled_micros
