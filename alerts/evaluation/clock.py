"""What time it is, for somebody who compares with timestamps and must not be fooled when a clock is set.

Durations are taken from the monotonic clock. The wall clock is needed as well, because what is sampled has times of
day in it; when it is set, by hand or by a time server after a suspension, one of the times before and after was wrong,
and nobody can say which. So for a while whatever compares with it is not believed. When it was set back, timestamps
made before lie in the future until it has caught up: what is old seems young, and only that.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.core.clock_step import clock_step

# As long as jobs may wait before anybody is woken: by then, timestamps made before the step are old or gone.
UNCERTAIN_AFTER_STEP = 300.0


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One look at the clock.

    Units: `at` Unix seconds; `elapsed` seconds since the look before, 0 at the first; `stepped` seconds by which the
    wall clock was set meanwhile, 0 when it was not. While `in_doubt`, ages prove nothing; while `behind`, a small age
    proves nothing.
    """

    at: float
    elapsed: float = 0.0
    stepped: float = 0.0
    uncertain: bool = False
    set_back: bool = False


class MonitoredClock:
    """Looks at both clocks. Not safe for several threads at once."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.wall = wall
        self.monotonic = monotonic
        self._last: tuple[float, float] | None = None
        # What the wall clock was ahead of the monotonic one when it was last believed.
        self._accepted_offset = 0.0
        self._uncertain_until = -float("inf")
        self._set_back_until = -float("inf")

    def now(self) -> ClockReading:
        """What time it is now."""
        wall, monotonic = self.wall(), self.monotonic()
        elapsed, stepped = self._elapsed_and_step(wall, monotonic)
        if stepped:
            self._uncertain_until = monotonic + UNCERTAIN_AFTER_STEP
        uncertain = monotonic < self._uncertain_until
        if not uncertain:
            self._accept_offset(wall - monotonic, monotonic)
        self._last = wall, monotonic
        return ClockReading(wall, elapsed, stepped, uncertain, set_back=monotonic < self._set_back_until)

    def _elapsed_and_step(self, wall: float, monotonic: float) -> tuple[float, float]:
        if self._last is None:
            self._accepted_offset = wall - monotonic
            return 0.0, 0.0
        elapsed = monotonic - self._last[1]
        drift = wall - self._last[0] - elapsed
        # A time before the last one would be out of order, however little.
        return elapsed, drift if wall <= self._last[0] else clock_step(drift)

    def _accept_offset(self, offset: float, monotonic: float) -> None:
        if clock_step(offset - self._accepted_offset) < 0:
            self._set_back_until = max(self._set_back_until, monotonic + self._accepted_offset - offset)
        self._accepted_offset = offset
