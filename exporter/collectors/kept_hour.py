"""The last hour of a table to which rows are only added, of which a sample reads both ends.

Rows are counted by slot of time. A slot is kept when it was read after its settling window: a row that becomes visible
later is no new row either (`exporter.collectors.watermark`). The next sample reads the slot in which the hour begins,
and those that were not kept. It reads all of them again at least every ten minutes, when the server's statistics show a
deletion or an update, and for a minute after a kept slot was found changed.
Pure: the database's clock is an argument.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

HOUR = 3600.0
# Length of a slot, seconds; on average a sample reads one more than it needs.
SLOT = 60
# All slots are read again after so many seconds: whatever the statistics miss is found then.
REREAD_INTERVAL = 600.0
# So long all slots are read after a change was found in one of them, seconds.
CHANGED_INTERVAL = 60.0

# Source and type of an event, None where it has none.
Label = tuple[str | None, str | None]
# Rows by label and slot; slots are counted from 1970.
Slots = Mapping[Label, Mapping[int, int]]


class Span(NamedTuple):
    """The time of the slots that a sample need not read, from `since` to before `until`. Units: Unix seconds."""

    since: float
    until: float

    @property
    def slots(self) -> range:
        """The numbers of these slots."""
        return range(int(self.since) // SLOT, int(self.until) // SLOT)


NOTHING = Span(0.0, 0.0)


class KeptHour:
    """Counts of the last hour by label and slot. Use from one thread."""

    def __init__(self) -> None:
        self._slots: Slots = {}
        self._settled = 0.0
        # The latest sample, the latest one that read all slots, and the latest one that found a change.
        self._latest = self._read_at = self._changed = -math.inf
        self._edition: str | None = None

    def span(self, now: float, settled: float) -> Span:
        """What the next sample may leave out at `now`, where rows before `settled` are settled. Units: Unix seconds."""
        is_quiet = now - self._changed >= CHANGED_INTERVAL
        is_due = not self._latest <= now < self._read_at + REREAD_INTERVAL  # or the clock was set back
        if not is_quiet or is_due or self._edition is None:
            return NOTHING
        since = math.ceil((now - HOUR) / SLOT) * SLOT
        return Span(since, max(since, math.floor(min(settled, self._settled) / SLOT) * SLOT))

    def is_edition(self, edition: str | None) -> bool:
        """Whether the kept slots are of this edition of the table: no row was changed or deleted since."""
        return edition == self._edition

    def kept(self, span: Span) -> dict[Label, int]:
        """The rows of these slots by label."""
        return _rows(self._slots, span)

    def add(self, slots: Slots, span: Span, now: float, settled: float, edition: str | None) -> None:
        """Record the slots that a sample has read at `now`: all but `span`. Rows before `settled` are settled.

        `edition` is None where the server has no statistics. Units: Unix seconds.
        """
        if span == NOTHING:
            expected = Span(math.ceil((now - HOUR) / SLOT) * SLOT, math.floor(self._settled / SLOT) * SLOT)
            if self.kept(expected) != _rows(slots, expected) or not self.is_edition(edition) or now < self._latest:
                self._changed = now
            self._read_at, self._edition, self._slots = now, edition, slots
        else:
            self._slots = _merged(self._slots, slots, span.slots)
        self._settled, self._latest = settled, now


def _rows(slots: Slots, span: Span) -> dict[Label, int]:
    """The rows of a span by label; no label without rows."""
    numbers = span.slots
    if not numbers:
        return {}
    found = {label: sum(rows for slot, rows in rows_of.items() if slot in numbers) for label, rows_of in slots.items()}
    return {label: rows for label, rows in found.items() if rows}


def _merged(kept: Slots, read: Slots, numbers: range) -> Slots:
    """The slots of these numbers as they were kept, the others as they were read."""
    merged = {
        label: {slot: rows for slot, rows in rows_of.items() if slot in numbers} for label, rows_of in kept.items()
    }
    for label, rows_of in read.items():
        merged.setdefault(label, {}).update((slot, rows) for slot, rows in rows_of.items() if slot not in numbers)
    return {label: rows_of for label, rows_of in merged.items() if rows_of}
