"""Whether more rows were inserted than are accounted for: the reason to search for jobs that no counter has read.

Jobs that come and go between two samples are never seen pending. The server's statistics count their inserts. When more
rows were inserted than are pending or accounted for, jobs are searched that were stamped long before their creation.
The statistics are only a reason to search: they are late, and include rolled-back inserts.
Pure: numbers and times come in as arguments, Unix seconds by the database's clock.
"""

import math
from collections import deque
from dataclasses import dataclass

from exporter.collectors.watermark import SETTLING_WINDOW

# A mistaken time zone makes a clock wrong by up to 14 hours. Seconds.
MAX_BACKDATING = 15 * 3600.0
# So many samples in a row must show more inserts: the statistics are up to ten seconds late, and a sample of
# the backlog and one of the processed jobs are not of the same moment.
CONSECUTIVE_SAMPLES = 5
# A search reads the jobs of fifteen hours, so it is this rare, after one without and one with a result. Seconds.
SEARCH_INTERVAL_EMPTY = 3600.0
SEARCH_INTERVAL_FOUND = 600.0


@dataclass(frozen=True, slots=True)
class Search:
    """A search for jobs that were stamped long before they were created.

    Units: created at or after `created_since`, Unix seconds; stamped more than `behind` seconds before their creation.
    """

    created_since: float
    behind: float


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
