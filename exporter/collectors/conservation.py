"""Conservation of jobs: created = processed + growth of the backlog + unaccounted, from sample to sample.

A job enters the backlog when its row is created, or when its processed_at is set to NULL again. It leaves when its
processed_at is set or its row is deleted. Counters read the jobs whose processed_at lies in a settling window
(`exporter.collectors.watermark`). A job that was pending in one sample, is not pending in the next, and is not in that
window was either removed, or stamped by a clock so wrong that no counter reads it. Its row shows which.

A short backlog is listed whole. So each job is known by its id, whatever its created_at: one that is pending, or is
processed, and was not there before is created. Of a long backlog only the oldest jobs and those created lately are
listed. The others are conserved as a number: jobs that were pending or created, less those that were processed, are
pending. What is missing was removed; a surplus was created before the listed time. This takes the processed jobs and
the backlog of one moment, so the collector of a long backlog reads both in one transaction.

Not seen: a job that is created and deleted between two samples; beyond count_limit, what happens to jobs that are not
listed; and in one interval of a long backlog, as many jobs deleted as are created more than a minute before they
become visible. So the counters may be too low, and are never too high. A standby proves nothing, as it may be behind
what an earlier sample saw.
Pure: rows and times come in as arguments, Unix seconds by the database's clock.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporter.collectors.inserted_rows import Balance
from exporter.collectors.retention import RowRetention
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading

# Of a long backlog the jobs created since so long before the previous sample are listed: a job's transaction may take
# a minute. Later ones are counted as a surplus. Seconds.
RECENT = 60.0


@dataclass(frozen=True, slots=True)
class Departed:
    """One row of sql/departed.sql: a job that is still there, Unix seconds; `processed_at` None while it is pending."""

    id: str
    created_at: float | None
    processed_at: float | None


@dataclass(frozen=True, slots=True)
class NewlyProcessed:
    """A job that a counter has read for the first time. Units: `created_at` Unix seconds, None if not believable."""

    id: str
    queue: str
    created_at: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Unaccounted jobs of one kind, with the ids of those that were listed."""

    kind: str
    jobs: int
    ids: list[str]


@dataclass(frozen=True, slots=True)
class PendingJobs:
    """What a sample of the backlog found: the queue of each listed job by id, and the number of jobs of each queue.

    `oldest` are the jobs whose departure is looked up one by one, `others` the rest of a backlog that is listed whole.
    `recent` are all that were created at or after `since`, Unix seconds; where `is_whole`, every job is listed.
    `jobs` is None where counting stopped at its limit, or the processed jobs of the same moment are unknown.
    """

    oldest: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    recent: Mapping[str, str] = field(default_factory=dict)
    since: float = math.inf
    is_whole: bool = True
    jobs: Counter[str] | None = None

    @property
    def listed(self) -> dict[str, str]:
        """All of them."""
        return {**self.oldest, **self.others, **self.recent}

    def has_all_created_at(self, at: float | None) -> bool:
        """Whether every job created at that time was listed."""
        return self.is_whole or (at is not None and at >= self.since)


class Conservation:
    """Totals over the jobs that entered and left the backlog since the exporter started. Use from one thread.

    `retention` is there where rows may be deleted within the hour in which their jobs were processed.
    """

    def __init__(self, retention: RowRetention | None = None) -> None:
        # The latest sample of the backlog; None before the first.
        self._sample: PendingJobs | None = None
        # The jobs that it listed, without those that counters have read since.
        self._known: dict[str, str] = {}
        # How many jobs of each queue should be pending; None where that is unknown.
        self._expected: Counter[str] | None = None
        self._missing = 0
        self._left: set[str] = set()
        self._created: Counter[str] = Counter()
        self._unaccounted: Counter[str] = Counter(dict.fromkeys(catalogue.UNACCOUNTED_KINDS, 0))
        # Since the findings were last taken.
        self._found: Counter[str] = Counter()
        self._found_ids: dict[str, list[str]] = {kind: [] for kind in catalogue.UNACCOUNTED_KINDS}
        self._uncounted_ids: set[str] = set()
        self.skewed = 0
        self.balance = Balance()
        self.retention = retention

    @property
    def needs_number(self) -> bool:
        """Whether the next sample has to count pending and processed jobs of one moment: the last one was not whole."""
        return self._sample is not None and not self._sample.is_whole

    def record_pending(self, sample: PendingJobs, *, is_current: bool) -> Collection[str]:
        """A sample of the backlog. Returns the jobs that were not pending before.

        `is_current` is whether the jobs processed up to this sample were recorded before.
        """
        arrived = self._arrived(sample)
        if self._sample is not None:
            self._created.update(arrived.values())
            self._count_others(self._surplus(sample, arrived))
            self._note_left(self._sample, sample)
        # A job that is not listed any more has perhaps been processed, and is not new when that is read.
        is_open = not is_current and self._sample is not None and not self._sample.is_whole & sample.is_whole
        self._sample, self._known = sample, {**self._known, **sample.listed} if is_open else sample.listed
        self._expected = Counter(sample.listed.values()) if sample.is_whole else sample.jobs
        return arrived

    def lacks_jobs(self, sample: PendingJobs) -> bool:
        """Whether fewer are pending than should be, so that counters may have missed jobs that were stamped late."""
        return self._surplus(sample, self._arrived(sample)).total() < 0

    def forget(self) -> None:
        """Begin anew: earlier samples cannot be compared with later ones."""
        self._sample, self._expected, self._missing = None, None, 0
        self._known.clear()
        self._left.clear()
        self.balance.forget()

    def have_left(self, is_counted: Callable[[str], bool]) -> bool:
        """Whether there are jobs that left and that no counter has read, as `find_uncounted` would find."""
        return not all(map(is_counted, self._left))

    def record_processed(self, jobs: Iterable[NewlyProcessed], restamped: Collection[str]) -> None:
        """The jobs that counters have read for the first time, and those read before that were stamped again."""
        if self._sample is None:
            return
        for each in restamped:
            self._count("doubled", each)
        if restamped and not self._sample.is_whole:
            self._expected = None  # perhaps they were opened again meanwhile, and counted as pending
        for job in jobs:
            self._record_processed(job, self._sample)

    def find_uncounted(self, is_counted: Callable[[str], bool]) -> list[str]:
        """The jobs that left and that no counter has read. Call whenever counters have read."""
        for job in [job for job in self._known if is_counted(job)]:
            # Counted just after the backlog was sampled, it may be deleted before that is sampled again.
            self._expect_less(self._known.pop(job))
        self._left = {job for job in self._left if not is_counted(job)}
        return sorted(self._left)

    def found(self, rows: Iterable[Departed]) -> None:
        """The rows that still exist of the uncounted jobs, in the snapshot in which counters have read."""
        there = {row.id: row for row in rows}
        for job in self._left:
            row = there.get(job)
            if row is None:
                self._count("removed", job)
                self._missing -= 1
            elif row.processed_at is not None:
                self._uncount(job, is_skewed=row.created_at is not None and row.processed_at < row.created_at)
                self._missing -= 1
        self._left.clear()
        # These were not listed, so nothing is known of their rows.
        self._count("removed", jobs=max(0, self._missing))
        self._missing = 0

    def take_findings(self) -> list[Finding]:
        """The unaccounted jobs that were found since the last call."""
        found = [Finding(kind, jobs, sorted(self._found_ids[kind])) for kind, jobs in self._found.items() if jobs]
        self._found.clear()
        for ids in self._found_ids.values():
            ids.clear()
        return found

    def record_backdated(self, jobs: Mapping[str, str], now: float) -> None:
        """The jobs that a search found, with their queues; each was stamped long before it was created.

        Units: `now` Unix seconds.
        """
        for job, queue in jobs.items():
            if job not in self._uncounted_ids and job not in self._left:
                self._created[queue] += 1
            self._uncount(job, is_skewed=True)
        self._uncounted_ids = set(jobs)
        self.balance.searched(now, found=bool(jobs))

    def compare(self, counted: int) -> None:
        """Compare the inserted rows with those pending or accounted for, of which `counted` were counted."""
        self.balance.compare(counted + self._unaccounted["removed"] + self._unaccounted["uncounted"])

    def readings(self) -> Iterator[Reading]:
        """The totals; none where they are unknown."""
        if self._sample is None:
            return
        for kind, jobs in self._unaccounted.items():
            yield Reading(catalogue.UNACCOUNTED_JOBS, jobs, (kind,))
        if self._sample.since < math.inf or self._sample.is_whole or self._expected is not None:
            yield Reading(catalogue.CREATED_JOBS, self._created.total())
            for queue, jobs in self._created.items():
                yield Reading(catalogue.QUEUE_CREATED_JOBS, jobs, (queue,))

    def _arrived(self, sample: PendingJobs) -> dict[str, str]:
        """The listed jobs that were not pending before."""
        before = self._sample
        if before is None:
            return {}
        # Those that the sample before would have listed, had they been there.
        jobs = sample.listed if before.is_whole else sample.recent if before.has_all_created_at(sample.since) else {}
        return {job: queue for job, queue in jobs.items() if job not in self._known and job not in self._left}

    def _surplus(self, sample: PendingJobs, arrived: Mapping[str, str]) -> Counter[str]:
        """How many more jobs of each queue are pending than should be; nothing where all are listed."""
        surplus: Counter[str] = Counter()
        before = self._sample
        if before and sample.jobs is not None and self._expected is not None and not before.is_whole & sample.is_whole:
            surplus.update(sample.jobs)
            surplus.subtract(self._expected)
            surplus.subtract(Counter(arrived.values()))
        return surplus

    def _count_others(self, surplus: Counter[str]) -> None:
        """Count jobs that appeared or disappeared without being listed."""
        left = surplus.total()
        self._missing += max(0, -left)
        for queue, jobs in surplus.most_common():
            created = min(max(0, jobs), max(0, left))
            self._created[queue] += created
            left -= created

    def _note_left(self, before: PendingJobs, sample: PendingJobs) -> None:
        now = sample.listed
        gone = self._known if before.is_whole and sample.is_whole else before.oldest
        self._left.update(job for job in gone if job in self._known)
        self._left.difference_update(now)  # opened again, or still there
        self._uncounted_ids.difference_update(now)

    def _record_processed(self, job: NewlyProcessed, sample: PendingJobs) -> None:
        if job.id in self._known or job.id in self._uncounted_ids:
            return
        if job.id in self._left:
            if not sample.is_whole:  # pending then, behind older ones that had become visible
                self._expect_less(job.queue)
        elif sample.has_all_created_at(job.created_at):
            self._created[job.queue] += 1
        else:
            self._expect_less(job.queue)

    def _expect_less(self, queue: str) -> None:
        if self._expected is not None:
            self._expected[queue] -= 1

    def _uncount(self, job: str, *, is_skewed: bool) -> None:
        if job not in self._uncounted_ids:
            self._uncounted_ids.add(job)
            self._count("uncounted", job)
            self.skewed += is_skewed

    def _count(self, kind: str, *ids: str, jobs: int = 1) -> None:
        self._unaccounted[kind] += jobs
        self._found[kind] += jobs
        self._found_ids[kind] += ids
