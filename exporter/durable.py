"""Small files that are replaced as a whole: whenever the program or the machine stops, the old or the new one is there.

The new one is on disk before it takes the old one's name, and its name is before this returns.
"""

import os
import tempfile
from pathlib import Path

from exporter import statedir


def replace(path: Path, text: str) -> None:
    """Write the text where `path` says, in place of what was there; its directory is made. Raises: OSError."""
    statedir.prepare(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
