"""The changes of a history, and the state that they were detected with."""

from collections.abc import Iterable
from dataclasses import replace

from alerts.watch.model.change import Change, ChangeKind, KnownState
from alerts.watch.runtime.change_detector import ChangeDetector
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun

# Changes that are kept.
MAX_CHANGES = 500
# Seconds. The same change again so soon is not stored: an application that restarts all the time must not fill a disk.
MIN_DISTANCE = 60.0
# So many latest changes are compared with a new one.
_COMPARED = 20
# Seconds between records of the known state without a change.
_SAVE_INTERVAL = 300.0
# Seconds of ticks that are read at the start, to compare the first tick with.
_PRIMED = 600.0
_KNOWN = 0


class ChangeLog:
    """The changes of one history, in the order of detection. Methods that write are called in a transaction.

    `changes` is the same object until there is another change. Every method may raise HistoryError.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._stored = history.all(Change)
        self.changes = tuple(self._stored.values())
        self._saved_at: float | None = None

    def detector(self, version: str) -> ChangeDetector:
        """A detector that goes on from the stored state, for this version of the exporter."""
        known = self._history.get(KnownState, _KNOWN) or KnownState(version)
        if known.version != version:
            known = replace(known, version=version, definitions={})
        last = self._history.last()
        ticks = self._history.ticks(last.t / 1000 - _PRIMED) if last else ()
        return ChangeDetector(known, ticks)

    def add(self, changes: Iterable[Change], known: KnownState, t: float) -> None:
        """Store changes and, with them or after a while, the state. `t` is seconds on the time line."""
        changes = tuple(changes)
        self.add_all(changes)
        if changes or self._saved_at is None or t - self._saved_at >= _SAVE_INTERVAL:
            self._saved_at = t
            self._history.put(_KNOWN, known)

    def add_all(self, changes: Iterable[Change]) -> None:
        """Store changes, except those that repeat an earlier one at once."""
        for change in changes:
            if not any(_repeats(change, earlier) for earlier in self.changes[-_COMPARED:]):
                number = max(self._stored, default=0) + 1
                self._history.put(number, change)
                self._stored[number] = change
                self.changes = (*self.changes, change)

    def delete_old(self, before: float) -> None:
        """Delete changes before a time, seconds on the time line, and all but the latest `MAX_CHANGES`."""
        latest = list(self._stored)[-MAX_CHANGES:]
        for number in [each for each, change in self._stored.items() if each not in latest or change.latest < before]:
            self._history.drop(Change, number)
            del self._stored[number]
        if len(self._stored) < len(self.changes):
            self.changes = tuple(self._stored.values())


def exporter_change(before: ExporterRun, now: ExporterRun, earliest: float, latest: float) -> Change:
    """The change from one run of the exporter to the next, between two moments on the time line, seconds."""
    if before.version != now.version:
        kind, text = (
            ChangeKind.EXPORTER_UPGRADE,
            f"the exporter's version changed from {before.version} to {now.version}",
        )
    elif before.process_at == now.process_at != 0.0:
        kind, text = ChangeKind.RELOAD, "the exporter's configuration was reloaded"
    else:
        kind, text = ChangeKind.EXPORTER_RESTART, "the exporter was restarted"
    return Change(kind, text, now.started_at, earliest, latest)


def _repeats(change: Change, earlier: Change) -> bool:
    return (change.kind, change.text) == (earlier.kind, earlier.text) and change.latest - earlier.latest < MIN_DISTANCE
