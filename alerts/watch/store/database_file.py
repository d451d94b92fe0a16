"""The SQLite file of a history: opening it, its errors, and the statements on it."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alerts.watch.store.lock_file import HistoryError, HistoryUnavailable
from exporter.core import state_directory

FILE = "history.sqlite"
VERSION = 1
APPLICATION = 1869968504  # "outx"

# FULL: what was committed survives a power failure.
SYNCHRONOUS = "FULL"
# Seconds that a commit waits for readers. They read a batch of rows at a time.
_LOCK_TIMEOUT = 2.0
_DAMAGES = (
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_FORMAT",
    "SQLITE_ERROR",
    "SQLITE_CONSTRAINT",
    "SQLITE_MISMATCH",
    # A file that is shorter than its first page, since SQLite 3.53 at the latest; before, it is another error.
    "SQLITE_IOERR_SHORT_READ",
)


class HistoryTooNew(HistoryError):
    """A later version of the exporter wrote the file. It is neither read nor changed."""


class HistoryDamaged(HistoryError):
    """The file is inconsistent. Nothing in it is used."""


def identity(directory: Path) -> tuple[int, int] | None:
    """Which file the history is: its device and inode, by which SQLite tells files apart; None without one."""
    try:
        found = (directory / FILE).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _require_file(path: Path) -> None:
    """Raises: HistoryUnavailable when there is no such file, with the reason where none can be written."""
    try:
        path.stat()
    except FileNotFoundError:
        problem = state_directory.problem(path.parent)
        raise HistoryUnavailable(
            f"{path} does not exist: no exporter has written to it yet"
            + (f", and none can: {problem}" if problem else "")
        ) from None
    except OSError as error:
        raise HistoryUnavailable(f"{path} cannot be read: {error.strerror}") from error


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open the file in one of SQLite's modes: ro, rw, or rwc, which creates it.

    Raises: HistoryUnavailable, HistoryTooNew, HistoryDamaged.
    """
    if mode != "rwc":
        _require_file(path)
    with mapped_errors(path.parent):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_LOCK_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _prepare(connection, path, mode)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection, path: Path, mode: str) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version > VERSION and application == APPLICATION:
        raise HistoryTooNew(
            f"{path} was written by a later version (format {version}, this one reads {VERSION}): "
            "run that version, or move the file away"
        )
    if mode != "ro":
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    if (version, application, tables) == (0, 0, 0):
        if mode != "rwc":
            raise HistoryUnavailable(f"{path} is empty: no exporter has written to it yet")
        connection.executescript(statement("schema"))
    elif (version, application) != (VERSION, APPLICATION):
        raise damaged(path.parent, "its header is not that of a history")
    if mode == "rwc":
        # Added to files of format 1: builds that do not know the table ignore it.
        connection.execute(statement("samples_table"))


@contextmanager
def mapped_errors(directory: Path) -> Generator[None]:
    """Raise SQLite's errors as HistoryUnavailable or HistoryDamaged."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or "SQLITE_ERROR"
        if name.startswith(_DAMAGES):
            raise damaged(directory, str(error)) from error
        raise HistoryUnavailable(f"{directory / FILE}: {error}") from error
    except UnicodeDecodeError as error:
        raise damaged(directory, str(error)) from error


def damaged(directory: Path, reason: str) -> HistoryDamaged:
    """The error to raise for an inconsistent file."""
    return HistoryDamaged(f"{directory / FILE} is damaged ({reason}) and is not used")


@cache
def statement(name: str) -> str:
    """The statement in `sql/<name>.sql`."""
    return Path(__file__).with_name("sql").joinpath(f"{name}.sql").read_text("utf-8")
