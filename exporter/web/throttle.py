"""A log filter for messages that any client can cause: each is logged at most once a minute."""

import logging
import time
from collections.abc import Callable

PERIOD = 60.0  # seconds


class Throttle(logging.Filter):
    """Passes one record per message template and `period` (seconds), with the number of those suppressed before it.

    `clock` gives monotonic seconds. Memory is bounded by the number of templates in the code.
    """

    def __init__(self, period: float = PERIOD, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._period = period
        self._clock = clock
        self._last: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log the record."""
        key, now = str(record.msg), self._clock()
        if now - self._last.get(key, -self._period) < self._period:
            self._suppressed[key] = self._suppressed.get(key, 0) + 1
            return False
        self._last[key] = now
        if suppressed := self._suppressed.pop(key, 0):
            record.msg = f"{key.strip()} ({suppressed} more since the last such message)"
        return True
