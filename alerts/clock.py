"""What time it is, for somebody who compares with timestamps and must not be fooled when a clock is set.

Durations are taken from the monotonic clock. The wall clock is needed as well, because what is sampled has times of
day in it; when it is set, by hand or by a time server after a suspension, one of the times before and after was wrong,
and nobody can say which. So for a while whatever compares with it is not believed. When it was set back, timestamps
made before lie in the future until it has caught up: what is old seems young, and only that.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

# A wall clock that moves this much against the monotonic one was stepped: ntpd slews at half a millisecond a second.
STEP = 1.0
# As long as jobs may wait before anybody is woken: by then, timestamps made before the step are old or gone.
DOUBT = 300.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the clock.

    Units: `at` Unix seconds; `elapsed` seconds since the look before, 0 at the first; `stepped` seconds by which the
    wall clock was set meanwhile, 0 when it was not. While `in_doubt`, ages prove nothing; while `behind`, a small age
    proves nothing.
    """

    at: float
    elapsed: float = 0.0
    stepped: float = 0.0
    in_doubt: bool = False
    behind: bool = False


class Clock:
    """Looks at both clocks. Not safe for several threads at once."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.wall = wall
        self.monotonic = monotonic
        self._last: tuple[float, float] | None = None
        # What the wall clock was ahead of the monotonic one when it was last believed.
        self._believed = 0.0
        self._doubted_until = -float("inf")
        self._behind_until = -float("inf")

    def look(self) -> Look:
        """What time it is now."""
        wall, monotonic = self.wall(), self.monotonic()
        elapsed, stepped = self._since_last(wall, monotonic)
        if stepped:
            self._doubted_until = monotonic + DOUBT
        in_doubt = monotonic < self._doubted_until
        if not in_doubt:
            self._believe(wall - monotonic, monotonic)
        self._last = wall, monotonic
        return Look(wall, elapsed, stepped, in_doubt, behind=monotonic < self._behind_until)

    def _since_last(self, wall: float, monotonic: float) -> tuple[float, float]:
        if self._last is None:
            self._believed = wall - monotonic
            return 0.0, 0.0
        elapsed = monotonic - self._last[1]
        drift = wall - self._last[0] - elapsed
        # A time before the last one would be out of order, however little.
        return elapsed, drift if abs(drift) >= STEP or wall <= self._last[0] else 0.0

    def _believe(self, offset: float, monotonic: float) -> None:
        if self._believed - offset >= STEP:
            self._behind_until = max(self._behind_until, monotonic + self._believed - offset)
        self._believed = offset
