"""Replaces small files as a whole: whenever the program or the machine stops, the old or the new file is complete.

The new file is on disk before it is renamed, and the rename is on disk before `replace` returns.
"""

import os
from pathlib import Path

from exporter.core import state_directory

# State is readable by its owner alone.
PRIVATE = 0o600


def replace(path: Path, text: str, *, mode: int = PRIVATE, make_directory: bool = True) -> None:
    """Write the text to `path`, in place of the previous content. Raises: OSError.

    Its directory is created if it is missing, except on request; the mode is `mode` less the umask. The temporary
    file is hidden and has another ending than `path`.
    """
    if make_directory:
        state_directory.prepare(path.parent)
    name = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        name.replace(path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
