"""The state directory: created when it is first needed; explains why it cannot be written."""

import os
from errno import ENOENT
from pathlib import Path


def prepare(directory: Path) -> None:
    """Make it if it is not there. Raises: OSError, whose `strerror` names the reason and the path."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, _reason(directory, error)) from error


def problem(directory: Path) -> str | None:
    """Why no file can be written there, or None. Tries it, and leaves nothing behind."""
    place = _nearest(directory)
    probe = place / f".{os.urandom(8).hex()}"
    try:
        if place == directory:
            probe.touch(exist_ok=False)
            probe.unlink()
        else:
            probe.mkdir()
            probe.rmdir()
    except OSError as error:
        return _reason(directory, error)
    return None


def _reason(directory: Path, error: OSError) -> str:
    place = _nearest(directory)
    if not place.is_dir():
        return f"{place} is not a directory"
    if place == directory:
        return f"{directory} takes no file: {error.strerror}"
    # File systems such as /proc answer "No such file or directory" when they mean that they take none.
    reason = "its file system takes none" if error.errno == ENOENT else error.strerror
    return f"the directory {directory} cannot be made in {place}: {reason}"


def _nearest(directory: Path) -> Path:
    """The directory, or its longest existing parent. One that cannot be read counts as existing."""
    for place in (directory, *directory.absolute().parents):
        try:
            place.lstat()
        except OSError:
            continue
        return place
    return Path("/")
