"""Time for a watch: which clock to believe when they disagree.

Durations follow the clock of the machine's boot, which nobody can set and which outlives a process; only from one
boot to the next, or on another machine, is the wall clock all there is.
"""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

from exporter.core.clock_step import clock_step

# Two moments are never the same one, whatever a clock says.
LEAST = 0.001

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Now, by both clocks. Units: `at` Unix seconds; `steady` seconds, comparable within the same `era`."""

    at: float
    steady: float
    era: str


@dataclass(frozen=True, slots=True)
class Passed:
    """What lies between two moments: so many seconds, and by how many the wall clock was set (0: it was not)."""

    seconds: float
    step: float = 0.0


def now() -> ClockReading:
    """The present moment."""
    era, clock = _era()
    return ClockReading(time.time(), time.monotonic() if clock is None else time.clock_gettime(clock), era)


def passed(before: ClockReading, after: ClockReading) -> Passed:
    """How long it was from one moment to a later one; never less than nothing."""
    wall = after.at - before.at
    steady = after.steady - before.steady
    if before.era != after.era or steady < 0:
        # Another boot: a wall clock that went back proves a step, one that went forward is believed.
        return Passed(max(wall, LEAST), min(clock_step(wall), 0.0))
    return Passed(steady, clock_step(wall - steady, steady))


@cache
def _era() -> tuple[str, int | None]:
    """The boot and its clock; a process of its own where the system has no such thing."""
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        boot = ""
    return (boot, clock) if boot and clock is not None else (str(uuid4()), None)
