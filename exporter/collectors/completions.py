"""Jobs that became processed, counted row by row, by whichever collector reads them first."""

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from exporter.collectors.conservation import Conservation, Departed, NewlyProcessed
from exporter.collectors.watermark import Watermark
from exporter.core.logs import event
from exporter.database import Session
from exporter.metrics import catalogue
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD_NEW
from exporter.metrics.readings import Distribution, Reading

logger = logging.getLogger(__name__)

# So many ids of unaccounted jobs are logged at most.
LOGGED_IDS = 10
# The statements that `Completions.read` may send.
STATEMENTS = ("processed_since", "departed", "processed_by_minute")


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


@dataclass(frozen=True, slots=True)
class ProcessedInMinute:
    """One row of sql/processed_by_minute.sql; `minute` since 1970."""

    minute: int
    jobs: int


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


class Completions:
    """Counts the jobs seen to become processed, and looks up those that left the backlog otherwise.

    `is_current` is whether the latest reading has succeeded.
    Source: sql/processed_since.sql, sql/departed.sql, sql/processed_by_minute.sql.
    """

    def __init__(self, queues: LabelLimit, conservation: Conservation) -> None:
        self._queues = queues
        self.conservation = conservation
        self._watermark = Watermark()
        self._totals = ProcessedTotals()
        self.is_current = False

    def read(self, session: Session, *, check: bool = False) -> None:
        """Count the jobs that are new in this session's snapshot. Raises: SampleError.

        With `check` the settled window is read, too, whether that is due or not.
        """
        self.is_current = False
        since = self._watermark.since(session.now)
        jobs, until, checked = self._fetch_new(session, check=check)
        places = self._watermark.add(jobs.ids, jobs.ats, session.now, until, checked=checked)
        self._note_retention(session, [jobs.ats[place] for place in places])
        new = []
        for place in places:
            queue, seconds = self._queues(jobs.queues[place]), jobs.seconds[place]
            self._totals.add(queue, seconds)
            created_at = None if seconds is None else jobs.ats[place] - seconds
            new.append(NewlyProcessed(jobs.ids[place], queue, created_at))
        if session.is_standby:
            self.conservation.forget()
        self.conservation.record_processed(new, self._watermark.restamped)
        self._account(session, since, jobs)
        self.is_current = True

    def reopen(self, jobs: Iterable[str]) -> None:
        """These jobs are pending again: when they are processed once more, that is counted."""
        for job in jobs:
            self._watermark.forget_row(job)

    def readings(self) -> Iterator[Reading | Distribution]:
        """The totals."""
        yield from self._totals.readings(self.conservation.skewed)
        yield from self.conservation.readings()

    def _fetch_new(self, session: Session, *, check: bool) -> tuple[ProcessedJobs, float, bool]:
        """New jobs, from when on they are listed, and whether the window before was checked.

        It is whenever a job has left the backlog and is not among those that were read.
        """
        fetch = partial(self._watermark.fetch_new, session.now, partial(_fetch, session), _settled_sums)
        if not (check or self._watermark.is_check_due(session.now)):
            jobs, until = fetch(check=False)
            listed = frozenset(jobs.ids)
            if not self.conservation.have_left(lambda job: job in listed or job in self._watermark):
                return jobs, until, False
        return *fetch(), True

    def _note_retention(self, session: Session, ats: Iterable[float]) -> None:
        retention = self.conservation.retention
        if retention is None:
            return
        if retention.is_new:
            latest = session.now + MAX_CLOCK_LEAD_NEW
            found = session.fetch("processed_by_minute", ProcessedInMinute, latest=latest)
            retention.note_before({each.minute: each.jobs for each in found})
        else:
            retention.note_processed(ats, session.now)

    def _account(self, session: Session, since: float, jobs: ProcessedJobs) -> None:
        conservation, listed = self.conservation, frozenset(jobs.ids)
        conservation.balance.window(session.now - since)
        ids = conservation.find_uncounted(lambda job: job in listed or job in self._watermark)
        conservation.found(session.fetch("departed", Departed, ids=ids) if ids else ())
        conservation.compare(self._totals.jobs)
        for each in conservation.take_findings():
            named = " ".join(each.ids[:LOGGED_IDS]) or "unknown"
            event(logger, logging.WARNING, "jobs unaccounted", kind=each.kind, jobs=each.jobs, ids=named)


def _fetch(session: Session, since: float, until: float) -> ProcessedJobs:
    return session.fetch_one(
        "processed_since", ProcessedJobs, since=since, until=until, latest=session.now + MAX_CLOCK_LEAD_NEW
    )


def _settled_sums(jobs: ProcessedJobs) -> tuple[int, int]:
    return jobs.settled_jobs, jobs.settled_micros
