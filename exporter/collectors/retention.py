"""Whether the rows of processed jobs are kept for as long as figures about them need.

The figures of the last hour are read from rows. A library that deletes processed jobs at once, or after a minute, makes
them too low, without an error. Two things show it: fewer rows were processed in the last hour than samples have seen to
become processed in it; or a job that was pending in one sample has no row in the next, so that it may have been
processed. Deleted by somebody else, it looks alike: the figures are then unknown for an hour, too.

Nobody has seen what was deleted before the first sample. A row that was processed more than an hour ago shows that rows
are kept, and so does an hour of samples. Where rows of one queue are deleted within the hour and those of another are
kept, the first of these is wrong, until a row is seen to be gone.
Pure: the database's clock is an argument, Unix seconds.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from exporter.core.humanize import moment

HOUR = 3600.0
MINUTE = 60

# Why figures of the last hour may be too low.
DELETED = (
    "rows of jobs were deleted within an hour after they were processed, or while they were pending; known again an "
    "hour after the last such deletion"
)
NONE_OLDER = "no processed job is older than an hour, so rows may have been deleted before the first sample"


class RowRetention:
    """What samples have shown of rows that are gone. Use from one thread at a time.

    `is_new` is whether it has to be told first what was there before.
    """

    def __init__(self) -> None:
        self.is_new = True
        # Jobs that samples have seen to be processed, by minute.
        self._seen: Counter[int] = Counter()
        # When a row was last found to be gone.
        self._vanished_at = -math.inf
        # Since when samples have shown every processed job; None before the first.
        self._shown_since: float | None = None
        self._oldest = math.inf

    def note_before(self, jobs: Mapping[int, int]) -> None:
        """How many jobs the first sample found processed, by minute since 1970."""
        self.is_new = False
        self._seen.update(jobs)

    def note_processed(self, ats: Iterable[float], now: float) -> None:
        """When jobs were processed that a later sample has read for the first time."""
        self._seen.update(int(at // MINUTE) for at in ats)
        for minute in [minute for minute in self._seen if minute * MINUTE < now - HOUR]:
            del self._seen[minute]

    def note_hour(self, processed: int, oldest: float | None, now: float) -> None:
        """The rows that were processed in the last hour, and when the oldest of all was processed; None without one."""
        if self._shown_since is None:
            self._shown_since = -math.inf if oldest is None else now
        self._oldest = math.inf if oldest is None else oldest
        # Without the minute in which the hour begins, and those that have not begun.
        if processed < sum(jobs for minute, jobs in self._seen.items() if now - HOUR <= minute * MINUTE <= now):
            self.note_vanished(now)

    def note_vanished(self, now: float) -> None:
        """A job has no row any more."""
        self._vanished_at = now
        self._seen.clear()  # these jobs have left the hour before its figures are known again

    def doubt(self, now: float) -> str:
        """Why a job that was processed in the last hour may have no row; empty where samples show that each has one."""
        start = now - HOUR
        if self._vanished_at >= start:
            return DELETED
        since = -math.inf if self._shown_since is None else min(self._shown_since, self._oldest)
        if since > start:
            return f"{NONE_OLDER}; known from {moment(since + HOUR)} if none is deleted until then"
        return ""
