"""Jobs that left the backlog: each was counted as processed, or is counted here as unaccounted.

A job leaves the backlog when its processed_at is set or its row is deleted. Counters read the jobs whose processed_at
lies in a settling window (`exporter.collectors.watermark`). A job that was pending in one sample, is not pending in the
next, and is not in that window was either removed, or stamped by a clock so wrong that no counter reads it. Its row
shows which.

Jobs that come and go between two samples are never seen pending. The server's statistics count their inserts. When more
rows were inserted than are pending or accounted for, jobs are searched that were stamped long before their creation.
The statistics are only a reason to search: they are late, and include rolled-back inserts.

Known are the oldest 200 pending jobs (sql/backlog_head.sql): changes beyond them are not noticed, so the counters may
be too low and are never too high. A standby proves nothing, as it may be behind what an earlier sample saw.
Pure: rows and times come in as arguments, Unix seconds by the database's clock.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter.collectors.watermark import SETTLING_WINDOW
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading

# A mistaken time zone makes a clock wrong by up to 14 hours. Seconds.
MAX_BACKDATING = 15 * 3600.0
# So many samples in a row must show more inserts: the statistics are up to ten seconds late, and a sample of
# the backlog and one of the processed jobs are not of the same moment.
CONSECUTIVE_SAMPLES = 5
# A search reads the jobs of fifteen hours, so it is this rare, after one without and one with a result. Seconds.
SEARCH_INTERVAL_EMPTY = 3600.0
SEARCH_INTERVAL_FOUND = 600.0


@dataclass(frozen=True, slots=True)
class Departed:
    """One row of sql/departed.sql: a job that is still there, Unix seconds; `processed_at` None while it is pending."""

    id: str
    created_at: float | None
    processed_at: float | None


@dataclass(frozen=True, slots=True)
class Search:
    """A search for jobs that were stamped long before they were created.

    Units: created at or after `created_since`, Unix seconds; stamped more than `behind` seconds before their creation.
    """

    created_since: float
    behind: float


class Departures:
    """Totals over the jobs that left the backlog uncounted since the exporter started. Use from one thread."""

    def __init__(self) -> None:
        # Both without those that counters have read; None before the first sample.
        self._pending: frozenset[str] | None = None
        self._left: set[str] = set()
        self._removed = self._uncounted = 0
        self._known: set[str] = set()
        self.skewed = 0
        self.balance = Balance()

    def record_pending(self, ids: Iterable[str]) -> None:
        """The oldest pending jobs, as each sample of the backlog finds them."""
        pending = frozenset(ids)
        self._left |= (self._pending or frozenset()) - pending
        self._left -= pending  # opened again
        self._known -= pending
        self._pending = pending

    def forget(self) -> None:
        """Begin anew: earlier samples cannot be compared with later ones."""
        self._pending = None
        self._left.clear()
        self.balance.forget()

    def have_left(self, is_counted: Callable[[str], bool]) -> bool:
        """Whether there are jobs that left and that no counter has read, as `find_uncounted` would find."""
        return not all(map(is_counted, self._left))

    def find_uncounted(self, is_counted: Callable[[str], bool]) -> list[str]:
        """The jobs that left and that no counter has read. Call whenever counters have read."""
        if self._pending is not None:
            # Counted just after the backlog was sampled, it may be deleted before that is sampled again.
            self._pending = frozenset(job for job in self._pending if not is_counted(job))
        self._left = {job for job in self._left if not is_counted(job)}
        return sorted(self._left)

    def found(self, rows: Iterable[Departed]) -> None:
        """The rows that still exist of the uncounted jobs, in the snapshot in which counters have read."""
        there = {row.id: row for row in rows}
        for job in self._left:
            row = there.get(job)
            if row is None:
                self._removed += 1
            elif row.processed_at is not None:
                self._uncount(job, is_skewed=row.created_at is not None and row.processed_at < row.created_at)
        self._left.clear()

    def record_backdated(self, ids: Sequence[str], now: float) -> None:
        """The jobs that a search found; each was stamped long before it was created. `now` in Unix seconds."""
        for job in ids:
            self._uncount(job, is_skewed=True)
        self._known = set(ids)
        self.balance.searched(now, found=bool(ids))

    def compare(self, counted: int) -> None:
        """Compare the inserted rows with those pending or accounted for, of which `counted` were counted."""
        self.balance.compare(counted + self._removed + self._uncounted)

    def readings(self) -> Iterator[Reading]:
        """The totals; none where they are unknown."""
        if self._pending is not None:
            for kind, jobs in zip(catalogue.UNACCOUNTED_KINDS, (self._removed, self._uncounted), strict=True):
                yield Reading(catalogue.UNACCOUNTED_JOBS, jobs, (kind,))

    def _uncount(self, job: str, *, is_skewed: bool) -> None:
        if job not in self._known:
            self._known.add(job)
            self._uncounted += 1
            self.skewed += is_skewed


class Balance:
    """Whether more rows were inserted than are accounted for, so that a search is worthwhile."""

    def __init__(self) -> None:
        self._inserted: int | None = None
        self._levels: deque[int] = deque(maxlen=CONSECUTIVE_SAMPLES)
        self._usual = -math.inf
        self._started: float | None = None
        self._next = -math.inf
        self._depths = [SETTLING_WINDOW, SETTLING_WINDOW]

    def note(self, now: float, inserted: int | None, pending: int | None) -> None:
        """Inserted rows by the statistics, and pending jobs; None where unknown. `now` in Unix seconds."""
        if inserted is None or pending is None:
            self.forget()
        else:
            self._inserted = inserted - pending
            if self._started is None:
                self._started = now

    def forget(self) -> None:
        """Begin anew."""
        self._inserted, self._usual = None, -math.inf
        self._levels.clear()

    def window(self, depth: float) -> None:
        """Counters have read the jobs that were stamped up to `depth` seconds ago."""
        self._depths[-1] = max(self._depths[-1], depth)

    def compare(self, accounted: int) -> None:
        """Compare with the number of jobs that are accounted for since the start."""
        if self._inserted is None:
            return
        self._levels.append(self._inserted - accounted)
        self._inserted = None  # of one moment
        if len(self._levels) < CONSECUTIVE_SAMPLES:
            self._usual = max(self._levels, default=self._usual)
        else:
            self._usual = min(self._usual, max(self._levels))

    def begin_search(self, now: float) -> Search | None:
        """The search that is due at `now` (Unix seconds), if any. One that fails is not repeated soon."""
        if self._started is None or now < self._next or len(self._levels) < CONSECUTIVE_SAMPLES:
            return None
        if min(self._levels) <= self._usual:
            return None
        self._next = now + SEARCH_INTERVAL_EMPTY
        return Search(self._started, max(self._depths))

    def searched(self, now: float, *, found: bool) -> None:
        """A search has ended; the rows that are still unaccounted for are no reason for another one."""
        self._usual = max(self._levels, default=self._usual)
        # Jobs whose transactions are still open are created before now, and seen the next time.
        self._started = now - SETTLING_WINDOW
        if found:
            self._next = now + SEARCH_INTERVAL_FOUND
        self._depths = [self._depths[-1], SETTLING_WINDOW]
