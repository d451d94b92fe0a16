"""What becomes of the jobs that leave the backlog: each is counted as processed, or it is noticed that it was not.

A job leaves the backlog when its processed_at is set or its row is deleted. Counters read the jobs whose processed_at
lies in a settling window (`exporter.collectors.watermark`). A job that was pending in one sample, is not pending in the
next, and is not in that window either was removed, or was stamped by a clock so wrong that no counter reads it: its
row tells which.

Jobs that come and go between two samples are never seen pending. Of these the server's statistics tell that they were
inserted; when more was inserted than is pending or accounted for, it is worth looking for jobs that were stamped long
before they were created. Nothing is counted by the statistics: they are late, and count what was rolled back.

Known are the oldest 200 pending jobs (sql/backlog_head.sql): what happens beyond them is not noticed, so the
counters may be too low and are never too high. A standby proves nothing, as it may be behind what was seen before.
Pure: rows and times come in as arguments, Unix seconds by the database's clock.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter.collectors.watermark import SETTLING_WINDOW
from exporter.metrics import catalogue
from exporter.metrics.readings import Reading

# Clocks are set hours wrong by a mistaken time zone, of which there are up to 14 hours of difference to UTC.
MAX_BACKDATING = 15 * 3600.0
# In so many samples in a row more has to have been inserted: the statistics are up to ten seconds late, and a sample of
# the backlog and one of what was processed are not of the same moment.
CONSECUTIVE_SAMPLES = 5
# Looking for jobs that were stamped long ago reads those of the last fifteen hours, so it is done this seldom, seconds.
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
    """Where to look for jobs that were stamped long before they were created; Unix seconds, and seconds.

    Created from `created_since` on, stamped more than `behind` before that.
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
        """Nothing of what was seen can be compared with what comes."""
        self._pending = None
        self._left.clear()
        self.balance.forget()

    def find_uncounted(self, is_counted: Callable[[str], bool]) -> list[str]:
        """The jobs that left and that no counter has read up to now; to be called whenever counters have read."""
        if self._pending is not None:
            # Counted just after the backlog was sampled, it may be deleted before that is sampled again.
            self._pending = frozenset(job for job in self._pending if not is_counted(job))
        self._left = {job for job in self._left if not is_counted(job)}
        return sorted(self._left)

    def found(self, rows: Iterable[Departed]) -> None:
        """What is still there of the jobs that were to be found, in the snapshot in which counters have read."""
        there = {row.id: row for row in rows}
        for job in self._left:
            row = there.get(job)
            if row is None:
                self._removed += 1
            elif row.processed_at is not None:
                self._uncount(job, is_skewed=row.created_at is not None and row.processed_at < row.created_at)
        self._left.clear()

    def record_backdated(self, ids: Sequence[str], now: float) -> None:
        """All that the search of `balance` found; each was stamped long before it was created."""
        for job in ids:
            self._uncount(job, is_skewed=True)
        self._known = set(ids)
        self.balance.searched(now, found=bool(ids))

    def compare(self, counted: int) -> None:
        """Hold what was inserted against what is pending or accounted for, `counted` jobs among it."""
        self.balance.compare(counted + self._removed + self._uncounted)

    def readings(self) -> Iterator[Reading]:
        """The totals; none where nothing can be known."""
        if self._pending is not None:
            yield Reading(catalogue.UNACCOUNTED_JOBS, self._removed, ("removed",))
            yield Reading(catalogue.UNACCOUNTED_JOBS, self._uncounted, ("uncounted",))

    def _uncount(self, job: str, *, is_skewed: bool) -> None:
        if job not in self._known:
            self._known.add(job)
            self._uncounted += 1
            self.skewed += is_skewed


class Balance:
    """Whether more was inserted than was seen, so that it is worth searching; and where."""

    def __init__(self) -> None:
        self._inserted: int | None = None
        self._levels: deque[int] = deque(maxlen=CONSECUTIVE_SAMPLES)
        self._usual = -math.inf
        self._started: float | None = None
        self._next = -math.inf
        self._depths = [SETTLING_WINDOW, SETTLING_WINDOW]

    def note(self, now: float, inserted: int | None, pending: int | None) -> None:
        """What the statistics say was inserted, and how many jobs are pending; None where it is not known."""
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
        """So many jobs were inserted since the start of which it is known what became of them."""
        if self._inserted is None:
            return
        self._levels.append(self._inserted - accounted)
        self._inserted = None  # of one moment
        if len(self._levels) < CONSECUTIVE_SAMPLES:
            self._usual = max(self._levels, default=self._usual)
        else:
            self._usual = min(self._usual, max(self._levels))

    def begin_search(self, now: float) -> Search | None:
        """Where to look now; None as long as there is no reason to. One that fails is not repeated soon."""
        if self._started is None or now < self._next or len(self._levels) < CONSECUTIVE_SAMPLES:
            return None
        if min(self._levels) <= self._usual:
            return None
        self._next = now + SEARCH_INTERVAL_EMPTY
        return Search(self._started, max(self._depths))

    def searched(self, now: float, *, found: bool) -> None:
        """That was done; what is inserted and still not known need not be searched for again."""
        self._usual = max(self._levels, default=self._usual)
        # Jobs whose transactions are still open are created before now, and seen the next time.
        self._started = now - SETTLING_WINDOW
        if found:
            self._next = now + SEARCH_INTERVAL_FOUND
        self._depths = [self._depths[-1], SETTLING_WINDOW]
