"""The options of a check before a rollback. Apart from the check, so that the command line can be read without it."""

from dataclasses import dataclass
from pathlib import Path

MAX_BACKUP_AGE = 86_400.0


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """Where backups are, None if they are not to be checked. Units: `max_backup_age` seconds."""

    backup_directory: Path | None = None
    max_backup_age: float = MAX_BACKUP_AGE
