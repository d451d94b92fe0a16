"""The clocks of a watch.

Durations are measured by the clock since boot, which nobody can set and which outlives the process. From one boot to
the next, or from one machine to another, only the wall clock is left.
"""

import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from exporter.core.clock_step import clock_step

# Seconds. Two readings are never the same moment.
LEAST = 0.001

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class WatchTime:
    """The present by both clocks. Units: `at` Unix seconds; `steady` seconds, comparable within the same `era`."""

    at: float
    steady: float
    era: str


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Seconds between two readings, and by how many the wall clock was set (0: it was not)."""

    seconds: float
    step: float = 0.0


def now() -> WatchTime:
    """Read both clocks."""
    era, clock = _era()
    return WatchTime(time.time(), time.monotonic() if clock is None else time.clock_gettime(clock), era)


def elapsed(before: WatchTime, after: WatchTime) -> Elapsed:
    """The time from one reading to a later one; never negative."""
    wall = after.at - before.at
    steady = after.steady - before.steady
    if before.era != after.era or steady < 0:
        # Another boot: a wall clock that went back was set, one that went forward is taken as right.
        return Elapsed(max(wall, LEAST), min(clock_step(wall), 0.0))
    return Elapsed(steady, clock_step(wall - steady, steady))


@cache
def _era() -> tuple[str, int | None]:
    """The boot and its clock; one of this process where the system has none."""
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        boot = ""
    return (boot, clock) if boot and clock is not None else (os.urandom(16).hex(), None)
