"""Detects steps of the wall clock.

Durations are measured by the monotonic clock. The wall clock is needed as well, because samples contain times of day.
After a step, by hand or by a time server after a suspension, either the times before or those after it are wrong, and
nothing tells which. Comparisons with the time of day are therefore not used for a while. After a step back, times
before the step lie in the future until the clock has caught up: ages are then too small, but never too great.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.core.clock_step import clock_step

# How long comparisons with the time of day are not used after a step, seconds: the time after which waiting jobs page.
# By then, timestamps from before the step are old or have disappeared.
UNCERTAIN_AFTER_STEP = 300.0


@dataclass(frozen=True, slots=True)
class ClockReading:
    """One reading of the clocks.

    Units: `at` Unix seconds; `elapsed` seconds since the previous reading, 0 at the first; `stepped` seconds by which
    the wall clock was stepped since then, or 0. While `uncertain`, ages prove nothing; while `set_back`, a small age
    proves nothing.
    """

    at: float
    elapsed: float = 0.0
    stepped: float = 0.0
    uncertain: bool = False
    set_back: bool = False


class MonitoredClock:
    """Reads the wall clock and the monotonic clock, in seconds. Not safe for several threads at once."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.wall = wall
        self.monotonic = monotonic
        self._last: tuple[float, float] | None = None
        self._accepted_offset = 0.0  # wall clock minus monotonic clock, when it was last certain
        self._uncertain_until = -float("inf")
        self._set_back_until = -float("inf")

    def now(self) -> ClockReading:
        """The current time."""
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
        # Times of evaluations must increase, so that any step back beyond the previous reading counts.
        return elapsed, drift if wall <= self._last[0] else clock_step(drift)

    def _accept_offset(self, offset: float, monotonic: float) -> None:
        if clock_step(offset - self._accepted_offset) < 0:
            self._set_back_until = max(self._set_back_until, monotonic + self._accepted_offset - offset)
        self._accepted_offset = offset
