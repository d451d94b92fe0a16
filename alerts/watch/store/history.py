"""The history of a state directory: every tick and every watch, in one SQLite file. The only module that uses SQLite.

Each tick is one transaction, so the file has a whole number of ticks at any moment. It uses a rollback journal rather
than a write-ahead log: with one writer and a commit every few seconds a log is not faster, and a journal needs no
shared memory, so it works on network volumes and leaves one file to copy.

SQLite does not detect a flipped bit in a value. So every row has a checksum, and every tick that of the tick before it.
A row that fails its check raises `HistoryDamaged`; it is never used for a verdict.
"""

import os
import sqlite3
import struct
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from zlib import crc32

from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Tick
from alerts.watch.model.watch import Watch
from alerts.watch.store import lock_file, records, serialization
from alerts.watch.store.lock_file import HistoryError, HistoryUnavailable
from alerts.watch.store.records import ExporterRun, Layout, TickRow, TimelineMark, WatchRequest
from exporter.core import state_directory
from exporter.core.humanize import utc

FILE = "history.sqlite"
VERSION = 1
APPLICATION = 1869968504  # "outx"

# FULL: what was committed survives a power failure.
SYNCHRONOUS = "FULL"
# Seconds that a commit waits for readers. They read a batch of rows at a time.
_LOCK_TIMEOUT = 2.0
_BATCH = 500
_END = 2**62
_DAMAGES = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")
_KINDS: Mapping[type[Any], str] = {
    ExporterRun: "run",
    Watch: "watch",
    Judgement: "judgement",
    Layout: "layout",
    WatchRequest: "request",
    TimelineMark: "mark",
}

T = TypeVar("T")


class HistoryTooNew(HistoryError):
    """A later version of the exporter wrote the file. It is neither read nor changed."""


class HistoryDamaged(HistoryError):
    """The file is inconsistent. Nothing in it is used."""


class History:
    """An open history, for one thread at a time. Every method may raise HistoryError."""

    def __init__(self, directory: Path, connection: sqlite3.Connection, lock: int | None) -> None:
        self.directory = directory
        self._connection = connection
        self._lock = lock
        self._layouts: dict[int, tuple[str, ...]] = {}
        self._previous: int | None = None
        self._version = self._data_version()

    @classmethod
    def writer(cls, directory: Path) -> Self:
        """Open for writing; create the file if it is missing.

        Raises: HistoryInUse, HistoryUnavailable, HistoryTooNew, HistoryDamaged.
        """
        lock = lock_file.acquire(directory)
        try:
            connection = _connect(directory / FILE, "rwc")
        except BaseException:
            os.close(lock)
            raise
        return cls(directory, connection, lock)

    @classmethod
    def reader(cls, directory: Path) -> Self:
        """Open for reading. Raises: HistoryUnavailable when there is no file, HistoryTooNew, HistoryDamaged."""
        return cls(directory, _connect(directory / FILE, "ro"), None)

    @classmethod
    def client(cls, directory: Path) -> Self:
        """Open to leave a request for the writer. Raises: as `reader`."""
        return cls(directory, _connect(directory / FILE, "rw"), None)

    def close(self) -> None:
        """Close the file and release the lock."""
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Commit everything within, on disk; on an exception, roll all of it back."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            self._previous = None
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            raise

    def changed(self) -> bool:
        """Whether another connection has written since the last call, or since the history was opened."""
        before, self._version = self._version, self._data_version()
        return before != self._version

    def _data_version(self) -> int:
        ((version,),) = self._fetch("PRAGMA data_version")
        return int(version)

    def check(self) -> None:
        """Check every page, record and tick. Raises: HistoryDamaged."""
        found = self._fetch("PRAGMA quick_check(1)")
        if found != [("ok",)]:
            raise _damaged(self.directory, str(found[0][0] if found else found))
        for kind in _KINDS:
            self.all(kind)
        for _ in self._rows(-_END, _END):
            pass

    # --- records

    def put(self, number: int, record: ExporterRun | Watch | Judgement | Layout | WatchRequest | TimelineMark) -> None:
        """Write a record, in place of the one of its kind with this number."""
        kind, text = _KINDS[type(record)], serialization.dumps(record)
        self._execute(_statement("put_record"), (kind, number, text, _checksum(kind, number, text)))

    def drop(self, kind: type[Any], number: int) -> None:
        """Delete a record."""
        self._execute(_statement("delete_record"), (_KINDS[kind], number))

    def all(self, kind: type[T]) -> dict[int, T]:
        """All records of a kind by number, in ascending order."""
        return dict(self._records(kind, None))

    def get(self, kind: type[T], number: int) -> T | None:
        """The record with this number; None without it."""
        return dict(self._records(kind, number)).get(number)

    def _records(self, kind: type[T], number: int | None) -> Iterator[tuple[int, T]]:
        name = _KINDS[kind]
        for found, text, checksum in self._fetch(_statement("records"), (name, number)):
            if checksum != _checksum(name, found, text):
                raise _damaged(self.directory, f"the checksum of {name} {found} is wrong")
            with _decoding(self.directory):
                record = serialization.loads(kind, text)
            yield found, record

    # --- ticks

    def add_tick(self, t: int, steady: float, tick: Tick, layout: int) -> None:
        """Write a tick, unless there is one at that time.

        Units: `t` milliseconds on the time line, later than all before; `steady` seconds since boot.
        """
        if self._previous is None:
            last = self.last()
            self._previous = last.checksum if last else 0
        numbers, details = records.pack(tick, self.layout(layout))
        row = TickRow(t, tick.run, tick.at, steady, layout, numbers, details, self._previous, 0)
        row = row._replace(checksum=row.expected_checksum)
        if self._execute(_statement("add_tick"), row).rowcount:
            self._previous = row.checksum

    def last(self) -> TickRow | None:
        """The row of the latest tick; None without ticks."""
        found = self._fetch(_statement("last_tick"))
        return TickRow(*found[0]) if found else None

    def ticks(self, after: float, until: float | None = None, origin: float = 0.0) -> Iterator[Tick]:
        """The ticks later than `after` and not later than `until`; their `elapsed` counts from `origin`.

        Units: seconds on the time line. Raises: HistoryDamaged at the first inconsistent row.
        """
        before: TickRow | None = None
        for row in self._rows(round(after * 1000), _END if until is None else round(until * 1000)):
            if before and row.previous != before.checksum:
                raise _damaged(self.directory, f"the tick before {row.t} is missing")
            before = row
            names = self.layout(row.layout)
            with _decoding(self.directory):
                tick = records.unpack(row, names, row.t / 1000 - origin)
            yield tick

    def forget(self, after: float, before: float) -> None:
        """Delete the ticks between two times, seconds on the time line."""
        self._execute(_statement("delete_ticks"), (round(after * 1000), round(before * 1000)))

    def layout(self, number: int) -> tuple[str, ...]:
        """The names of a layout's numbers."""
        if number not in self._layouts:
            layout = self.get(Layout, number)
            if layout is None:
                raise _damaged(self.directory, f"layout {number} is missing")
            self._layouts[number] = layout.names
        return self._layouts[number]

    def _rows(self, after: int, until: int) -> Iterator[TickRow]:
        """Rows in the order of time. They are read in batches, so that the writer does not wait for a slow reader."""
        while rows := [TickRow(*row) for row in self._fetch(_statement("ticks"), (after, until, _BATCH))]:
            for row in rows:
                if row.checksum != row.expected_checksum:
                    raise _damaged(self.directory, f"the checksum of the tick at {row.t} is wrong")
                yield row
            after = rows[-1].t

    def _fetch(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        # A column that cannot be decoded raises only here.
        with _mapped_errors(self.directory):
            return self._connection.execute(statement, values).fetchall()

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        with _mapped_errors(self.directory):
            return self._connection.execute(statement, values)


@dataclass(frozen=True, slots=True)
class QuarantinedHistory:
    """A damaged history under its new name. `watch` is its latest one, if it can be read.

    `may_have_run`: it may hold an open watch.
    """

    path: Path
    may_have_run: bool
    watch: Watch | None


def quarantine(directory: Path, at: float) -> QuarantinedHistory:
    """Rename a damaged history. `at` is Unix seconds. Raises: HistoryUnavailable, HistoryInUse."""
    lock = lock_file.acquire(directory)
    try:
        readable, watch = _latest_watch(directory)
        stamp = utc(at).strftime("%Y%m%dT%H%M%SZ")
        names = (directory / f"history.damaged-{stamp}{number or ''}.sqlite" for number in count())
        path = next(name for name in names if not name.exists())
        for suffix in ("-journal", "-wal", "-shm", ""):
            old = directory / f"{FILE}{suffix}"
            if old.exists():
                old.replace(f"{path}{suffix}")
    except OSError as error:
        raise HistoryUnavailable(f"{directory / FILE} is damaged and cannot be renamed: {error.strerror}") from error
    finally:
        os.close(lock)
    return QuarantinedHistory(path, not readable or (watch is not None and watch.is_open), watch)


def _latest_watch(directory: Path) -> tuple[bool, Watch | None]:
    """Whether the watches can be read, and the last of them."""
    try:
        with History.reader(directory) as damaged:
            watches = damaged.all(Watch)
    except HistoryError:
        return False, None
    return True, watches[max(watches)] if watches else None


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


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    if mode != "rwc":
        _require_file(path)
    with _mapped_errors(path.parent):
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
        connection.executescript(_statement("schema"))
    elif (version, application) != (VERSION, APPLICATION):
        raise _damaged(path.parent, "its header is not that of a history")


@contextmanager
def _mapped_errors(directory: Path) -> Generator[None]:
    """Raise SQLite's errors as HistoryError."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or "SQLITE_ERROR"
        if name.startswith(_DAMAGES):
            raise _damaged(directory, str(error)) from error
        raise HistoryUnavailable(f"{directory / FILE}: {error}") from error
    except UnicodeDecodeError as error:
        raise _damaged(directory, str(error)) from error


@contextmanager
def _decoding(directory: Path) -> Generator[None]:
    """A row with a right checksum that cannot be decoded was written by another program."""
    try:
        yield
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise _damaged(directory, f"{type(error).__name__}: {error}") from error


def _damaged(directory: Path, reason: str) -> HistoryDamaged:
    return HistoryDamaged(f"{directory / FILE} is damaged ({reason}) and is not used")


def _checksum(kind: str, number: int, text: str) -> int:
    return crc32(f"{kind}/{number}/{text}".encode())


@cache
def _statement(name: str) -> str:
    return Path(__file__).with_name("sql").joinpath(f"{name}.sql").read_text("utf-8")
