"""Repeats actions at equal intervals, in one thread."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Routine:
    """An action, its interval in seconds, and the monotonic time at which it is due next."""

    action: Callable[[], object]
    every: float
    due: float


def repeat(routines: Iterable[Routine], until: float) -> None:
    """Runs each routine when it is due, until the monotonic time `until`; a late one is not left out."""
    several = list(routines)
    while (earliest := min(several, key=lambda routine: routine.due)).due < until:
        _sleep_until(earliest.due)
        earliest.action()
        earliest.due += earliest.every
    _sleep_until(until)


def _sleep_until(due: float) -> None:
    time.sleep(max(0.0, due - time.monotonic()))
