"""The last hour: jobs processed, processing time and failure ratio; and the oldest processed job still kept.

These are the documented queries. Informational: where an hour holds many rows, this collector runs less often.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.collectors.conservation import Conservation
from exporter.collectors.database import DatabaseCollector
from exporter.collectors.inserted_rows import MAX_BACKDATING
from exporter.collectors.watermark import SETTLING_WINDOW
from exporter.config.settings import SamplingSettings
from exporter.core.humanize import count
from exporter.database import DatabaseClient, Session, indexes, relations
from exporter.database.indexes import IndexCatalogue
from exporter.metrics import catalogue
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD, OddRows
from exporter.metrics.readings import Reading, UnknownValue


@dataclass(frozen=True, slots=True)
class ProcessedInHour:
    """One row of sql/processed_last_hour.sql; `queue` is None for jobs without one, and in the row about all of them.

    Averages in seconds.
    """

    is_total: bool
    queue: str | None
    processed: int
    processed_avg: float | None
    created_avg: float | None
    lagging: int
    infinite: int
    out_of_range: int
    nulls: int


@dataclass(frozen=True, slots=True)
class FailingJobs:
    """One row of sql/failing_last_hour.sql; `queue` is None for jobs without one, and in the row about all of them."""

    is_total: bool
    queue: str | None
    failing: int
    examined: int
    infinite: int
    out_of_range: int
    nulls: int


@dataclass(frozen=True, slots=True)
class Retention:
    """The one row of sql/oldest_processed.sql, Unix seconds."""

    oldest: float | None


@dataclass(frozen=True, slots=True)
class BackdatedJobs:
    """The one row of sql/far_behind.sql."""

    examined: int
    ids: list[str]
    queues: list[str | None]


# What is read from the rows of the last hour, and of none before.
OF_THE_HOUR = (
    catalogue.LAST_HOUR_PROCESSED,
    catalogue.LAST_HOUR_PROCESSING_TIME,
    catalogue.LAST_HOUR_FAILURE_RATIO,
    catalogue.QUEUE_LAST_HOUR_PROCESSED,
    catalogue.QUEUE_LAST_HOUR_FAILURE_RATIO,
)

# So few pending jobs are read in the order of their index, a page for each at most. Only such a scan lets the server
# drop index entries of jobs that are no longer pending; else the backlog's count would read more pages with every job:
# with 13,000 processed an hour, 125 instead of 72 after ten minutes.
SMALL_BACKLOG = 5000


# So long after a job that was stamped before its creation, such jobs are looked for before the last hour, too. Seconds.
LAG_INTERVAL = 60.0


class LastHourCollector(DatabaseCollector):
    """Jobs processed, processing time, failure ratio, retention.

    Shape: averages and ratio are absent when there is nothing to divide by; all figures of the hour are unknown where
    rows of processed jobs may be gone. Odd rows of the outbox are counted here, pending ones and processed ones: this
    collector reads them all, as far as they matter to any number.
    Source: sql/processed_last_hour.sql, failing_last_hour.sql, oldest_processed.sql, far_behind.sql.
    """

    name = "last_hour"
    statements = ("failing_last_hour", "oldest_processed", "processed_last_hour", "far_behind")

    def __init__(
        self,
        database: DatabaseClient,
        index_catalogue: IndexCatalogue,
        settings: SamplingSettings,
        queues: LabelLimit,
        conservation: Conservation,
    ) -> None:
        mapping = database.mapping
        reads = relations.reads(mapping, "processed_jobs", "failing_jobs")
        super().__init__(database, index_catalogue, reads, indexes.processed(mapping))
        self._table = mapping.table
        self._settings = settings
        self._conservation = conservation
        self._queues = queues
        self._pending: int | None = None
        # The latest sample, and the latest one that found a job stamped before its creation or was the first after a
        # pause, Unix seconds.
        self._sampled_at = self._lagging_at = -math.inf

    def read(self, session: Session) -> Iterable[Reading | UnknownValue]:
        """One sample of the last hour. Raises: SampleError."""
        limit, latest = self._settings.count_limit, session.now + MAX_CLOCK_LEAD
        retention = session.fetch_one("oldest_processed", Retention, latest=latest)
        session.prefer_bitmap_scans(bitmap_scans=self._pending is None or self._pending > SMALL_BACKLOG)
        queues = session.fetch("failing_last_hour", FailingJobs, count_limit=limit, latest=latest)
        failing = next(row for row in queues if row.is_total)
        self._pending = failing.examined
        session.prefer_bitmap_scans()
        hour = session.fetch("processed_last_hour", ProcessedInHour, skew=self._skew(session.now), latest=latest)
        total = next(row for row in hour if row.is_total)
        self._note_lag(session.now, total.lagging)
        session.note_rows(total.processed + failing.examined)
        self._search(session)
        odd_rows = (odd(failing) + odd(total)).readings(self._table)
        doubt = self._doubt(session.now, total.processed, retention.oldest)
        if doubt:
            return (*(UnknownValue(metric, doubt) for metric in OF_THE_HOUR), *_oldest(retention), *odd_rows)
        return (
            Reading(catalogue.LAST_HOUR_PROCESSED, total.processed),
            *averages(total),
            *failure_ratio(failing, total.processed, limit),
            *by_queue(hour, queues if failing.examined < limit else None, self._queues),
            *_oldest(retention),
            *odd_rows,
        )

    def _doubt(self, now: float, processed: int, oldest: float | None) -> str:
        """Why a job of the last hour may have no row any more; empty where every one has."""
        retention = self._conservation.retention
        if retention is None:
            return ""
        retention.note_hour(processed, oldest, now)
        return retention.doubt(now)

    def _skew(self, now: float) -> float:
        """By how many seconds the application's clock may lag: 0 when no sample has shown that for a minute.

        A job of the last hour that was stamped before this hour was stamped before its creation. It was processed
        within SETTLING_WINDOW after that, so samples before have read it as a job of their last hour.
        """
        return 0.0 if self._is_continued(now) and now - self._lagging_at >= LAG_INTERVAL else SETTLING_WINDOW

    def _note_lag(self, now: float, lagging: int) -> None:
        if lagging or not self._is_continued(now):
            self._lagging_at = now
        self._sampled_at = now

    def _is_continued(self, now: float) -> bool:
        return 0 <= now - self._sampled_at <= SETTLING_WINDOW

    def _search(self, session: Session) -> None:
        """Search jobs that were stamped hours before they were created, where there is a reason to."""
        search = self._conservation.balance.begin_search(session.now)
        if search is not None:
            found = session.fetch_one(
                "far_behind",
                BackdatedJobs,
                created_since=search.created_since,
                behind=search.behind,
                reach=search.behind + MAX_BACKDATING,
            )
            session.note_rows(found.examined)
            self._conservation.record_backdated(
                dict(zip(found.ids, map(self._queues, found.queues), strict=True)), session.now
            )


def averages(total: ProcessedInHour) -> Iterator[Reading]:
    """Mean processing time of either cohort, where it has jobs."""
    for cohort, seconds in zip(catalogue.COHORTS, (total.created_avg, total.processed_avg), strict=True):
        if seconds is not None:
            yield Reading(catalogue.LAST_HOUR_PROCESSING_TIME, seconds, (cohort,))


def failure_ratio(failing: FailingJobs, processed: int, limit: int) -> Iterator[Reading | UnknownValue]:
    """Failing jobs by all that were tried; none when none was, unknown when counting stopped at `limit`."""
    tried = failing.failing + processed
    if failing.examined >= limit:
        yield UnknownValue(
            catalogue.LAST_HOUR_FAILURE_RATIO, f"counting of pending jobs stopped at {count(limit)} (count_limit)"
        )
    elif tried:
        yield Reading(catalogue.LAST_HOUR_FAILURE_RATIO, failing.failing / tried)


def by_queue(
    hour: Iterable[ProcessedInHour], failing: Iterable[FailingJobs] | None, queues: LabelLimit
) -> Iterator[Reading]:
    """Jobs processed in the last hour and failure ratio, by queue. `failing`: None when counting stopped at a limit."""
    processed = queues.sum((row.queue, row.processed) for row in hour if not row.is_total and row.processed)
    for queue, jobs in processed.items():
        yield Reading(catalogue.QUEUE_LAST_HOUR_PROCESSED, jobs, (queue,))
    if failing is not None:
        failed = queues.sum((row.queue, row.failing) for row in failing if not row.is_total)
        for queue, tried in (processed + failed).items():
            yield Reading(catalogue.QUEUE_LAST_HOUR_FAILURE_RATIO, failed[queue] / tried, (queue,))


def odd(rows: FailingJobs | ProcessedInHour) -> OddRows:
    """The rows that were left out of the figures."""
    return OddRows(rows.infinite, rows.out_of_range, rows.nulls)


def _oldest(retention: Retention) -> Iterator[Reading]:
    if retention.oldest is not None:
        yield Reading(catalogue.OLDEST_PROCESSED, retention.oldest)
