"""Renames a damaged history, so that a new one can be begun."""

import os
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from alerts.watch.model.watch import Watch
from alerts.watch.store import lock_file
from alerts.watch.store.database_file import FILE
from alerts.watch.store.history import History
from alerts.watch.store.lock_file import HistoryError, HistoryUnavailable
from exporter.core.humanize import utc


@dataclass(frozen=True, slots=True)
class QuarantinedHistory:
    """A damaged history under its new name. `watch` is its latest one, if it can be read.

    `may_have_run`: it may hold an open watch.
    """

    path: Path
    may_have_run: bool
    watch: Watch | None


def quarantine(directory: Path, at: float) -> QuarantinedHistory:
    """Rename a damaged history. `at` is Unix seconds. Raises: HistoryUnavailable, HistoryInUse."""
    lock = lock_file.acquire(directory)
    try:
        readable, watch = _latest_watch(directory)
        stamp = utc(at).strftime("%Y%m%dT%H%M%SZ")
        names = (directory / f"history.damaged-{stamp}{number or ''}.sqlite" for number in count())
        path = next(name for name in names if not name.exists())
        for suffix in ("-journal", "-wal", "-shm", ""):
            old = directory / f"{FILE}{suffix}"
            if old.exists():
                old.replace(f"{path}{suffix}")
    except OSError as error:
        raise HistoryUnavailable(f"{directory / FILE} is damaged and cannot be renamed: {error.strerror}") from error
    finally:
        os.close(lock)
    return QuarantinedHistory(path, not readable or (watch is not None and watch.is_open), watch)


def _latest_watch(directory: Path) -> tuple[bool, Watch | None]:
    """Whether the watches can be read, and the last of them."""
    try:
        with History.reader(directory) as damaged:
            watches = damaged.all(Watch)
    except HistoryError:
        return False, None
    return True, watches[max(watches)] if watches else None
