"""What was seen, kept on disk: the only module that knows SQLite.

One small database in the state directory. Each tick is one transaction, so that at any instant a whole number of
ticks is there. A rollback journal rather than a write-ahead log: with one writer and a commit every few seconds there
is nothing to gain from the latter, and this one needs no shared memory, so that it works on network volumes, and
leaves one file to copy.

Every row carries a checksum, and each tick the one of the tick before it, because a damaged disk must not make a
verdict: SQLite itself does not notice a flipped bit in a value. What does not add up is `Damaged`, never data.
"""

import os
import sqlite3
import struct
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from zlib import crc32

from alerts.watch.model import Judgement, Tick, Watch
from alerts.watch.store import lock_file, records, serialization
from alerts.watch.store.lock_file import HistoryError, HistoryUnavailable
from alerts.watch.store.records import ExporterRun, Layout, TickPosition, TimelineMark, WatchRequest
from exporter.core import state_directory
from exporter.core.humanize import utc

FILE = "history.sqlite"
VERSION = 1
APPLICATION = 1869968504  # "outx"

# FULL: what was committed survives a power failure.
SYNCHRONOUS = "FULL"
# So long a commit waits for readers, seconds. They read a batch at a time.
_LOCK_TIMEOUT = 2.0
_BATCH = 500
_END = 2**62
_DAMAGES = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")
_HEAD = struct.Struct("<qqddqq")
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
    """A later version of the exporter wrote it. It is left alone."""


class HistoryDamaged(HistoryError):
    """It does not add up: nothing in it is to be believed."""


class _Row(NamedTuple):
    t: int
    run: int
    at: float
    steady: float
    layout: int
    numbers: bytes
    words: str
    link: int
    seal: int

    @property
    def expected_checksum(self) -> int:
        """What the seal should be."""
        head = _HEAD.pack(self.t, self.run, self.at, self.steady, self.layout, self.link)
        return crc32(self.words.encode(), crc32(self.numbers, crc32(head)))


@dataclass(frozen=True, slots=True)
class TimelineEnd:
    """Where the time line ends. Units: `t` milliseconds."""

    t: int
    run: int
    at: float
    steady: float


class History:
    """An open history. For one thread at a time. Everything raises HistoryError."""

    def __init__(self, directory: Path, connection: sqlite3.Connection, lock: int | None) -> None:
        self.directory = directory
        self._path = str(directory / FILE)
        self._connection = connection
        self._lock = lock
        self._layouts: dict[int, tuple[str, ...]] = {}
        self._link: int | None = None
        self._written: tuple[int, int] | None = None
        self._version: int | None = None

    @classmethod
    def writer(cls, directory: Path) -> Self:
        """Open for writing, made when it is not there. Raises: InUse, Unavailable, TooNew, Damaged."""
        lock = lock_file.acquire(directory)
        try:
            connection = _connect(directory / FILE, "rwc")
        except BaseException:
            os.close(lock)
            raise
        return cls(directory, connection, lock)

    @classmethod
    def reader(cls, directory: Path) -> Self:
        """Open for reading. Raises: Unavailable when there is none, TooNew, Damaged."""
        return cls(directory, _connect(directory / FILE, "ro"), None)

    @classmethod
    def client(cls, directory: Path) -> Self:
        """Open to leave a request with whoever writes. Raises: Unavailable when there is none, TooNew, Damaged."""
        return cls(directory, _connect(directory / FILE, "rw"), None)

    def close(self) -> None:
        """Let go of it."""
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
        """All of it or nothing; on disk once it is left."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            self._link = None
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
            raise
        self._written = self._last_written()

    def changed(self) -> bool:
        """Whether anybody else may have written since this was last asked, or since our own last transaction.

        Who writes in the moment between our commit and our look at the file is noticed by the next transaction only.
        """
        written = self._last_written()
        if written is not None and written == self._written:
            return False
        self._written = written
        with _translated(self.directory):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        changed: bool = version != self._version
        self._version = version
        return changed

    def _last_written(self) -> tuple[int, int] | None:
        """When anybody last wrote, and how much there was then, as the file system has it; None when it cannot tell."""
        try:
            now = os.stat(self._path)  # noqa: PTH116 - asked every few seconds, and a path is dear to make
        except OSError:
            return None
        return now.st_mtime_ns, now.st_size

    def check(self) -> None:
        """Look at every page, every paper and every tick. Raises: Damaged."""
        with _translated(self.directory):
            found = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise _damaged(self.directory, str(found and found[0]))
        for kind in _KINDS:
            self.all(kind)
        for _ in self._rows(-_END, _END):
            pass

    # --- papers

    def put(self, number: int, paper: ExporterRun | Watch | Judgement | Layout | WatchRequest | TimelineMark) -> None:
        """Write a paper, in place of the one that had this number."""
        kind, words = _KINDS[type(paper)], serialization.dumps(paper)
        self._run("put_paper", kind=kind, id=number, words=words, seal=_checksum(kind, number, words))

    def drop(self, kind: type[Any], number: int) -> None:
        """Remove a paper."""
        self._run("drop_paper", kind=_KINDS[kind], id=number)

    def all(self, kind: type[T]) -> dict[int, T]:
        """All papers of a kind, by number in its order."""
        return dict(self._papers(kind, None))

    def get(self, kind: type[T], number: int) -> T | None:
        """One of them."""
        return dict(self._papers(kind, number)).get(number)

    def _papers(self, kind: type[T], number: int | None) -> Iterator[tuple[int, T]]:
        name = _KINDS[kind]
        for found, words, seal in self._fetch("papers", kind=name, id=number):
            if seal != _checksum(name, found, words):
                raise _damaged(self.directory, f"{name} {found} does not bear its seal")
            with _understood(self.directory):
                paper = serialization.loads(kind, words)
            yield found, paper

    # --- ticks

    def add_tick(self, t: int, steady: float, tick: Tick, layout: int) -> None:
        """Write a tick; once, however often it is told. `t` is on the time line, later than all before."""
        numbers, words = records.pack(tick, self.layout(layout))
        row = _Row(t, tick.run, tick.at, steady, layout, numbers, words, self._last_checksum(), 0)
        row = row._replace(seal=row.expected_checksum)
        if self._run("add_tick", **row._asdict()).rowcount:
            self._link = row.seal

    def last(self) -> TimelineEnd | None:
        """The latest tick's place."""
        row = self._last_row()
        return TimelineEnd(row.t, row.run, row.at, row.steady) if row else None

    def ticks(self, after: float, until: float | None = None, origin: float = 0.0) -> Iterator[Tick]:
        """What was seen later than one time of the line and not later than another; `elapsed` counts from `origin`.

        Units: seconds on the time line. Raises: Damaged as soon as something does not add up.
        """
        before: _Row | None = None
        for row in self._rows(round(after * 1000), _END if until is None else round(until * 1000)):
            if before and row.link != before.seal:
                raise _damaged(self.directory, f"the tick before {row.t} is missing")
            before = row
            yield self._tick(row, origin)

    def forget(self, after: float, before: float) -> None:
        """Remove the ticks later than one time of the line and earlier than another, seconds."""
        self._run("drop_ticks", after=round(after * 1000), before=round(before * 1000))

    def layout(self, number: int) -> tuple[str, ...]:
        """The names of a layout's numbers."""
        if number not in self._layouts:
            layout = self.get(Layout, number)
            if layout is None:
                raise _damaged(self.directory, f"layout {number} is missing")
            self._layouts[number] = layout.names
        return self._layouts[number]

    def _tick(self, row: _Row, origin: float) -> Tick:
        names = self.layout(row.layout)
        with _understood(self.directory):
            return records.unpack(row.numbers, row.words, names, TickPosition(row.at, row.t / 1000 - origin, row.run))

    def _rows(self, after: int, until: int) -> Iterator[_Row]:
        """Rows by their time, a batch at a time, so that nobody has to wait for a slow reader."""
        while rows := [_Row(*row) for row in self._fetch("ticks", after=after, until=until, batch=_BATCH)]:
            for row in rows:
                if row.seal != row.expected_checksum:
                    raise _damaged(self.directory, f"the tick at {row.t} does not bear its seal")
                yield row
            after = rows[-1].t

    def _last_row(self) -> _Row | None:
        found = self._fetch("last_tick")
        return _Row(*found[0]) if found else None

    def _last_checksum(self) -> int:
        if self._link is None:
            row = self._last_row()
            self._link = row.seal if row else 0
        return self._link

    def _run(self, name: str, **values: object) -> sqlite3.Cursor:
        return self._execute(_statement(name), values)

    def _fetch(self, name: str, **values: object) -> list[Any]:
        # A column that cannot be decoded is noticed only here.
        with _translated(self.directory):
            return self._connection.execute(_statement(name), values).fetchall()

    def _execute(self, statement: str, values: Mapping[str, object] | None = None) -> sqlite3.Cursor:
        with _translated(self.directory):
            return self._connection.execute(statement, values or {})


@dataclass(frozen=True, slots=True)
class QuarantinedHistory:
    """A damaged history under its new name. `watch` is the latest in it, if that can be read still."""

    path: Path
    may_have_run: bool
    watch: Watch | None


def set_aside(directory: Path, at: float) -> QuarantinedHistory:
    """Rename a damaged history, for whoever wants to look into it. Raises: Unavailable, InUse."""
    lock = lock_file.acquire(directory)
    try:
        known, watch = _latest_watch(directory)
        stamp = utc(at).strftime("%Y%m%dT%H%M%SZ")
        names = (directory / f"history.damaged-{stamp}{number or ''}.sqlite" for number in count())
        aside = next(name for name in names if not name.exists())
        for suffix in ("-journal", "-wal", "-shm", ""):
            old = directory / f"{FILE}{suffix}"
            if old.exists():
                old.replace(f"{aside}{suffix}")
    except OSError as error:
        raise HistoryUnavailable(f"{directory / FILE} is damaged and cannot be moved away: {error.strerror}") from error
    finally:
        os.close(lock)
    return QuarantinedHistory(aside, not known or (watch is not None and watch.closed_at is None), watch)


def _latest_watch(directory: Path) -> tuple[bool, Watch | None]:
    """Whether the watches can be read, and the last of them."""
    try:
        with History.reader(directory) as damaged:
            watches = damaged.all(Watch)
    except HistoryError:
        return False, None
    return True, watches[max(watches)] if watches else None


def _look_for(path: Path) -> None:
    """Raises: Unavailable when there is no such file, with the reason where none could be written."""
    try:
        path.stat()
    except FileNotFoundError:
        wrong = state_directory.problem(path.parent)
        raise HistoryUnavailable(
            f"there is no {path}: no exporter has written to it yet" + (f", and none can: {wrong}" if wrong else "")
        ) from None
    except OSError as error:
        raise HistoryUnavailable(f"{path} cannot be read: {error.strerror}") from error


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    if mode != "rwc":
        _look_for(path)
    with _translated(path.parent):
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
def _translated(directory: Path) -> Generator[None]:
    """SQLite's errors as ours."""
    path = directory / FILE
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or "SQLITE_ERROR"
        if name.startswith(_DAMAGES):
            raise _damaged(directory, str(error)) from error
        raise HistoryUnavailable(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise _damaged(directory, str(error)) from error


@contextmanager
def _understood(directory: Path) -> Generator[None]:
    """What bears its seal and yet makes no sense was sealed by something else."""
    try:
        yield
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise _damaged(directory, f"{type(error).__name__}: {error}") from error


def _damaged(directory: Path, what: str) -> HistoryDamaged:
    return HistoryDamaged(f"{directory / FILE} is damaged ({what}): nothing in it is believed")


def _checksum(kind: str, number: int, words: str) -> int:
    return crc32(f"{kind}/{number}/{words}".encode())


@cache
def _statement(name: str) -> str:
    return resources.files("alerts").joinpath("sql", "history", f"{name}.sql").read_text("utf-8")
