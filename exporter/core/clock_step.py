"""Whether a wall clock was set: by hand, or by a time server after a suspension."""

# A wall clock that moves this much against a steady one was set, seconds.
STEP = 1.0
# How much a wall clock is slewed at most, seconds a second: ntpd's limit is 500 ppm.
SLEW = 0.0005


def clock_step(drift: float, elapsed: float = 0.0) -> float:
    """`drift` where the wall clock was set, 0 where it was not or was only slewed.

    Units: `drift` seconds by which the wall clock advanced more than a steady clock; `elapsed` seconds of the steady
    clock in which it may have been slewed.
    """
    return drift if abs(drift) >= STEP + SLEW * elapsed else 0.0
