"""The lock of a state directory: one exporter writes to it at a time.

The kernel holds the lock and releases it with the process, however that ends.
"""

import fcntl
import os
from pathlib import Path

from exporter.core import state_directory
from exporter.core.errors import ExporterError

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
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o666)
    except OSError as error:
        reason = error.strerror if isinstance(error, FileNotFoundError) else state_directory.problem(directory)
        raise HistoryUnavailable(f"{path} cannot be opened: {reason or error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise HistoryInUse(f"{directory} is in use by another exporter: give each its own watch.state_dir") from error
    return descriptor


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
