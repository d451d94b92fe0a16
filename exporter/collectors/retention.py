"""Whether the rows of processed jobs are kept for as long as figures about them need.

The figures of the last hour are read from rows. A library that deletes processed jobs at once, or after a minute, makes
them too low, without an error. Two things show it: the oldest processed job of an earlier sample is gone although it
was processed within the hour; or a job that was pending in one sample has no row in the next, so that it may have been
processed. Deleted by somebody else, it looks alike: the figures are then unknown for an hour, too.
Pure: the database's clock is an argument, Unix seconds.
"""

import math

HOUR = 3600.0


class RowRetention:
    """What samples have shown of rows that are gone. Use from one thread at a time."""

    def __init__(self) -> None:
        self._oldest: float | None = None
        # The latest processing time of rows that are gone, and when a job was last found to be gone while pending.
        self._gone_until = self._vanished_at = -math.inf

    def note_oldest(self, oldest: float | None) -> None:
        """When the oldest processed job that has a row was processed; None without one."""
        if self._oldest is not None and (oldest is None or oldest > self._oldest):
            self._gone_until = max(self._gone_until, self._oldest)
        self._oldest = oldest

    def note_vanished(self, now: float) -> None:
        """A job that was pending in the sample before has no row any more."""
        self._vanished_at = now

    def keeps_hour(self, now: float) -> bool:
        """Whether every job that was processed in the last hour has its row, as far as the samples show."""
        return self._gone_until < now - HOUR and self._vanished_at < now - HOUR
