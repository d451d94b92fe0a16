"""Who writes to a state directory: one exporter at a time, and for as long as it lives.

The lock is the kernel's: it goes with the process that holds it, however that ends.
"""

import fcntl
import os
from pathlib import Path

from exporter.core import state_directory
from exporter.core.errors import ExporterError

LOCK = "history.lock"


class HistoryError(ExporterError):
    """The history cannot be used: what is not on disk was not seen."""


class HistoryUnavailable(HistoryError):
    """For now: the directory is not writable, the disk is full, a file is missing. Try again."""


class HistoryInUse(HistoryUnavailable):
    """Another exporter writes here."""


def acquire(directory: Path, *, make: bool = True) -> int:
    """A descriptor that holds the lock until it is closed; `make` the directory. Raises: InUse, Unavailable."""
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
    """Whether an exporter writes here now; none does where none ever did. Raises: Unavailable if nobody may look."""
    try:
        os.close(acquire(directory, make=False))
    except HistoryInUse:
        return True
    except HistoryUnavailable as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
    return False
