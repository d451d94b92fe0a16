"""Locks by which one exporter at a time uses files of a state directory.

The kernel holds a lock and releases it with the process, however that ends.
"""

import fcntl
import os
from pathlib import Path

from exporter.core import state_directory
from exporter.core.errors import ExporterError


class DirectoryInUse(ExporterError):
    """Another exporter uses the directory; the message says what to do."""


def lock(path: Path, *, make: bool = True) -> int:
    """Lock the file; it is locked until the returned descriptor is closed. `make`: create it.

    Raises: DirectoryInUse when another process has locked it, OSError when it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise DirectoryInUse(
            f"{path.parent} is in use by another exporter: give each its own watch.state_dir"
        ) from error
    return descriptor


class FileLock:
    """The lock of some files of a directory, which is created. Use from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take it, unless it is held already. Raises: DirectoryInUse when another exporter holds it.

        One whose file was removed or replaced, as when a volume is mounted, keeps nobody out: it is taken again. Where
        no file can be made there is no lock: writing the other files fails as well, and says why.
        """
        if self._descriptor is not None and not _is_file(self._descriptor, self._path):
            self.release()
        if self._descriptor is None:
            try:
                state_directory.prepare(self._path.parent)
                self._descriptor = lock(self._path)
            except OSError:
                return

    def release(self) -> None:
        """Let others take it. May be called again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
