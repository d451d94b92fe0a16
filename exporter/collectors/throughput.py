"""What gets done and how long it takes, counted from row to row."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from exporter import indexes, names
from exporter.database import Ahead, Session
from exporter.departures import Departed, Departures
from exporter.labels import Labels
from exporter.model import Distribution, Reading
from exporter.odd import NEW_AHEAD
from exporter.tally import NewRows
from exporter.visibility import Table


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


class ProcessedTally:
    """Totals over the jobs seen to become processed since the exporter started."""

    def __init__(self) -> None:
        self._by_queue: Counter[str] = Counter()
        self._buckets = [0] * (len(names.PROCESSING_TIME_BUCKETS) + 1)
        self._seconds = 0.0
        self._skewed = 0

    def add(self, queue: str, seconds: float | None) -> None:
        """Count a job; a negative processing time is 0 seconds and a sign of clock skew, and None is not known."""
        self._by_queue[queue] += 1
        if seconds is None:
            return
        self._skewed += seconds < 0
        seconds = max(0.0, seconds)
        self._buckets[bisect_left(names.PROCESSING_TIME_BUCKETS, seconds)] += 1
        self._seconds += seconds

    @property
    def jobs(self) -> int:
        """How many there were."""
        return self._by_queue.total()

    def readings(self, skewed: int) -> Iterator[Reading | Distribution]:
        """The totals as they stand; `skewed` jobs more show a clock skew and are not among them."""
        yield Reading(names.PROCESSED_JOBS, self.jobs)
        yield Reading(names.CLOCK_SKEW_JOBS, self._skewed + skewed)
        yield Distribution(names.PROCESSING_TIME, names.PROCESSING_TIME_BUCKETS, tuple(self._buckets), self._seconds)
        for queue, count in self._by_queue.items():
            yield Reading(names.QUEUE_PROCESSED_JOBS, count, (queue,))


class Throughput:
    """Jobs seen to become processed since the exporter started, their processing times, and those that went uncounted.

    Shape: the totals always, queues as they occur; what went uncounted where it can be known.
    Source: sql/processed_since.sql, sql/departed.sql.
    """

    name = "throughput"
    ahead = Ahead(gather=True)
    index = indexes.PROCESSED
    statements = ("processed_since", "departed")
    reads = (Table("job_outbox", ("outbox_id", "queue_name", "created_at", "processed_at")),)

    def __init__(self, queues: Labels, departures: Departures) -> None:
        self._queues = queues
        self._departures = departures
        self._new_rows = NewRows()
        self._tally = ProcessedTally()

    def read(self, session: Session) -> Iterable[Reading | Distribution]:
        """The totals after one more look. Raises: SampleError."""
        session.gather_pages()
        since = self._new_rows.since(session.now)
        jobs, until = self._new_rows.look(session.now, partial(_fetch, session), _settled)
        for place in self._new_rows.admit(jobs.ids, jobs.ats, session.now, until):
            self._tally.add(self._queues(jobs.queues[place]), jobs.seconds[place])
        self._account(session, since, jobs)
        return (*self._tally.readings(self._departures.skewed), *self._departures.readings())

    def _account(self, session: Session, since: float, jobs: ProcessedJobs) -> None:
        departures, listed = self._departures, frozenset(jobs.ids)
        if session.of_standby:
            departures.forget()
        departures.balance.window(session.now - since)
        if ids := departures.to_find(lambda job: job in listed or job in self._new_rows):
            departures.found(session.fetch("departed", Departed, ids=ids))
        departures.compare(self._tally.jobs)


def _fetch(session: Session, since: float, until: float) -> ProcessedJobs:
    return session.fetch_one("processed_since", ProcessedJobs, since=since, until=until, latest=session.now + NEW_AHEAD)


def _settled(jobs: ProcessedJobs) -> tuple[int, int]:
    return jobs.settled_jobs, jobs.settled_micros
