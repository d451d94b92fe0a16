"""The lock of the history: one exporter writes to it at a time."""

import os
from pathlib import Path

from exporter.core import file_lock, state_directory
from exporter.core.errors import ExporterError
from exporter.core.file_lock import DirectoryInUse

LOCK = "history.lock"


class HistoryError(ExporterError):
    """The history cannot be used. Ticks that are not on disk count as missing."""


class HistoryUnavailable(HistoryError):
    """A temporary error: the directory is not writable, the disk is full, a file is missing. Retry."""


class HistoryInUse(HistoryUnavailable):
    """Another exporter writes to the directory."""


def acquire(directory: Path, *, make: bool = True) -> int:
    """Take the lock; it is held until the returned descriptor is closed. `make`: create the directory.

    Raises: HistoryInUse, HistoryUnavailable.
    """
    path = directory / LOCK
    try:
        if make:
            state_directory.prepare(directory)
        return file_lock.lock(path, make=make)
    except DirectoryInUse as error:
        raise HistoryInUse(str(error)) from error
    except OSError as error:
        reason = error.strerror if isinstance(error, FileNotFoundError) else state_directory.problem(directory)
        raise HistoryUnavailable(f"{path} cannot be opened: {reason or error.strerror}") from error


def is_locked(directory: Path) -> bool:
    """Whether an exporter writes to the directory. Raises: HistoryUnavailable when the lock cannot be opened."""
    try:
        os.close(acquire(directory, make=False))
    except HistoryInUse:
        return True
    except HistoryUnavailable as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
    return False
