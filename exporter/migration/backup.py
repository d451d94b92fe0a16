"""How old is the latest backup? Looks at files only; whether one can be restored, only restoring proves."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# What pg_dump and people call their files; the guide's own are backup_<date>.dump.
_SUFFIXES = (".dump", ".sql", ".tar", ".gz", ".zst", ".bz2", ".xz", ".lz4", ".backup", ".bak", ".pgdump")


@dataclass(frozen=True, slots=True)
class Backup:
    """One file. Units: `at` Unix seconds of its last change, `size` bytes."""

    name: str
    at: float
    size: int


def latest(directory: Path) -> Backup | None:
    """The newest backup in a directory, or None; directories of pg_dump -Fd count by their toc.dat.

    Raises: OSError when the directory cannot be read.
    """
    return max(_backups(directory.iterdir()), key=lambda backup: backup.at, default=None)


def _backups(paths: Iterable[Path]) -> Iterable[Backup]:
    for path in paths:
        file = path / "toc.dat" if path.is_dir() else path
        if file.is_file() and (path.is_dir() or path.suffix.lower() in _SUFFIXES):
            state = file.stat()
            yield Backup(path.name, state.st_mtime, state.st_size)
