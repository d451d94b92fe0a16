"""A watermark over rows: each row is counted once, however late it becomes visible.

A row count is a gauge (retention and cascades delete rows), so counters advance by the rows that a sample sees for
the first time. Commits arrive out of order and clocks differ. Therefore each sample covers a settling window before the
last one, and drops the rows that were counted before. Nearly all of these are unchanged and need not be read again:
their number and the sum of their times show it. While nobody commits late, a caller may leave out this check, too, for
a while. Pure: the database's clock is an argument.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Found = TypeVar("Found")

# A row counts if it becomes visible at most so many seconds after its own timestamp: the sum of how long its
# transaction stayed open and how far the clock that stamped it lags behind the database's. The RPC's target is
# 50 ms and hosts keep time to well under a second; ten minutes also cover a host without time synchronisation. Seconds.
SETTLING_WINDOW = 600.0
# A settling window that has not changed for so long is checked once in so long: with every fifth sample at the default
# interval. A row that is late by more than the time between two samples is then counted up to 75 s later, before it is
# missed in the balance of inserted rows (CONSECUTIVE_SAMPLES in exporter.collectors.inserted_rows). Seconds.
CHECK_INTERVAL = 65.0
# Rows are kept by the stretch of time in which their timestamps lie, seconds: about as long as between two samples.
SLOT = 15


@dataclass(frozen=True, slots=True)
class SettledWindow:
    """The rows from the watermark to before `until`: their number, and the sum of their times.

    Units: `until` Unix seconds; `micros` microseconds since the watermark, of all rows together.
    """

    until: float
    rows: int
    micros: int


@dataclass(slots=True)
class _Slot:
    ids: list[str] = field(default_factory=list)
    micros: int = 0


class Watermark:
    """Tells new rows from those of earlier samples.

    The first sample sets the baseline: none of its rows is new. A row that is gone stays known: where a standby answers
    next, it shows less than the primary did, for a while. One that comes back with another timestamp is new.
    `restamped` are the rows that the last sample found with another timestamp, and none saw to be gone.
    Memory: one id per row of the settling window, and of the time between two samples.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._latest = -math.inf
        # When the settled window was last checked, and when it was last found changed.
        self._checked = self._changed = -math.inf
        self._slots: defaultdict[int, _Slot] = defaultdict(_Slot)
        # Timestamps by id, of rows that are gone by slot.
        self._gone: dict[int, dict[str, float]] = {}
        self._stamps: dict[str, float] = {}
        self.restamped: list[str] = []

    def since(self, now: float) -> float:
        """The watermark: the oldest timestamp that the next sample reads. Units: Unix seconds, `now` too."""
        horizon = float(_slot(now - SETTLING_WINDOW) * SLOT)
        return horizon if self._since is None else min(self._since, horizon)

    def __contains__(self, row: object) -> bool:
        """Whether the last sample's window held the row of this id."""
        return row in self._stamps

    def forget_row(self, row: str) -> None:
        """The row has lost its timestamp; with the next one it is new."""
        self._stamps.pop(row, None)

    def settled_window(self, now: float) -> SettledWindow:
        """Rows seen well before the last sample, which the next one need not read if they are unchanged."""
        since = self.since(now)
        if since != self._since:  # the clock was set back: rows before are not known
            return SettledWindow(since, 0, 0)
        first, end = _slot(since), max(_slot(since), _slot(min(self._latest, now)) - 1)
        slots = [slot for number, slot in self._slots.items() if number < end]
        rows = sum(len(slot.ids) for slot in slots)
        return SettledWindow(end * SLOT, rows, sum(slot.micros for slot in slots) - rows * first * SLOT * 1_000_000)

    def is_check_due(self, now: float) -> bool:
        """Whether the next sample has to check the settled window, at `now` in Unix seconds."""
        is_quiet = now - self._changed >= CHECK_INTERVAL
        return not is_quiet or not 0 <= now - self._checked < CHECK_INTERVAL

    def fetch_new(
        self,
        now: float,
        fetch: Callable[[float, float], Found],
        settled_window: Callable[[Found], tuple[int, int]],
        *,
        check: bool = True,
    ) -> tuple[Found, float]:
        """Fetch the rows for `add`, as few as possible; with them, the time from which on they are listed.

        `fetch` takes two times, from which on rows may be new and from which on they are listed; `settled_window`
        returns the number of rows between them and the sum of their times, as `SettledWindow.micros`. Without `check`
        rows of the settled window are not read. Units: Unix seconds.
        """
        since, known = self.since(now), self.settled_window(now)
        if not check:
            return fetch(known.until, known.until), known.until
        found = fetch(since, known.until)
        if settled_window(found) == (known.rows, known.micros):
            return found, known.until
        return fetch(since, since), since  # somebody committed late, or rows were deleted

    def add(
        self,
        ids: Sequence[str],
        stamps: Sequence[float],
        now: float,
        until: float = -math.inf,
        *,
        checked: bool = True,
    ) -> list[int]:
        """Record a sample; the indexes of the rows that no earlier sample held.

        `ids` and `stamps` are those of all rows from `since(now)` on; or of all from `until` on, where the settled
        window is unchanged, or was not `checked`. Rows stamped before the last window that was checked count as seen:
        their ids are forgotten, and only a clock that was set back has them read again. Units: Unix seconds.
        """
        since = self._since
        new_places = [
            place
            for place, (row, stamp) in enumerate(zip(ids, stamps, strict=True))
            if row not in self._stamps and self._gone.get(_slot(stamp), {}).get(row) != stamp
        ]
        self.restamped = [row for row, stamp in zip(ids, stamps, strict=True) if self._stamps.get(row, stamp) != stamp]
        self._replace(until, ids, stamps)
        self._latest = now
        if since is None or checked:
            self._changed = now if until <= self.since(now) else self._changed
            self._since, self._checked = float(_slot(now - SETTLING_WINDOW) * SLOT), now
            self._forget(self._since)
        return [] if since is None else [place for place in new_places if stamps[place] >= since]

    def _replace(self, until: float, ids: Sequence[str], stamps: Sequence[float]) -> None:
        """Put these rows in place of those that were there from `until` on."""
        present = frozenset(ids)
        for number in [number for number in self._slots if number * SLOT >= until]:
            before = self._slots.pop(number).ids
            known = {row: self._stamps.pop(row) for row in before if row in self._stamps}
            if gone := {row: stamp for row, stamp in known.items() if row not in present}:
                self._gone.setdefault(number, {}).update(gone)
        for row, stamp in zip(ids, stamps, strict=True):
            self._stamps[row] = stamp
            slot = self._slots[_slot(stamp)]
            slot.ids.append(row)
            slot.micros += round(stamp * 1_000_000)

    def _forget(self, since: float) -> None:
        """Rows stamped before `since` are of no use any more."""
        for number in [number for number in self._slots if number * SLOT < since]:
            for row in self._slots.pop(number).ids:
                self._stamps.pop(row, None)
        self._gone = {number: rows for number, rows in self._gone.items() if number * SLOT >= since}


def _slot(stamp: float) -> int:
    return int(stamp // SLOT)
