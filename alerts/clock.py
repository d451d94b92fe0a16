"""What time it is, for somebody who compares with timestamps and must not be fooled when a clock is set.

Durations are taken from the monotonic clock. The wall clock is needed as well, because what is sampled has times of
day in it; when it is set, by hand or by a time server after a suspension, one of the times before and after was wrong,
and nobody can say which. So for a while whatever compares with it is not believed.
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
    wall clock was set meanwhile, 0 when it was not.
    """

    at: float
    elapsed: float
    stepped: float
    in_doubt: bool


class Clock:
    """Looks at both clocks. Not safe for several threads at once."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.wall = wall
        self._monotonic = monotonic
        self._last: tuple[float, float] | None = None
        self._doubted_until = -float("inf")

    def look(self) -> Look:
        """What time it is now."""
        wall, monotonic = self.wall(), self._monotonic()
        elapsed, stepped = 0.0, 0.0
        if self._last is not None:
            elapsed = monotonic - self._last[1]
            drift = wall - self._last[0] - elapsed
            # A time before the last one would be out of order, however little.
            if abs(drift) >= STEP or wall <= self._last[0]:
                stepped = drift
        if stepped:
            self._doubted_until = monotonic + DOUBT
        self._last = wall, monotonic
        return Look(wall, elapsed, stepped, in_doubt=monotonic < self._doubted_until)
