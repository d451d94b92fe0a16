"""The history of a state directory: every tick, every watch and the samples of a week, in one SQLite file.

Each tick is one transaction, so the file has a whole number of ticks at any moment. It uses a rollback journal rather
than a write-ahead log: with one writer and a commit every few seconds a log is not faster, and a journal needs no
shared memory, so it works on network volumes and leaves one file to copy.

SQLite does not detect a flipped bit in a value. So every row has a checksum, and every tick that of the tick before it.
A row that fails its check raises `HistoryDamaged`; it is never used for a verdict.
"""

import os
import sqlite3
import struct
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from alerts.model import SampleBlock, SeriesName
from alerts.watch.model.change import Change, KnownState
from alerts.watch.model.hour import HourSummary
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Tick
from alerts.watch.model.watch import Watch
from alerts.watch.store import database_file, lock_file, records, serialization
from alerts.watch.store import samples as sample_blocks
from alerts.watch.store.database_file import FILE
from alerts.watch.store.records import ExporterRun, Layout, TickRow, TimelineMark, WatchRequest
from alerts.watch.store.samples import SampleRow, SeriesList

_BATCH = 500
_END = 2**62
_KINDS: Mapping[type[Any], str] = {
    ExporterRun: "run",
    Watch: "watch",
    Judgement: "judgement",
    Layout: "layout",
    SeriesList: "series",
    HourSummary: "hour",
    WatchRequest: "request",
    TimelineMark: "mark",
    Change: "change",
    KnownState: "known",
}

T = TypeVar("T")
Record = (
    ExporterRun
    | Watch
    | Judgement
    | Layout
    | SeriesList
    | HourSummary
    | WatchRequest
    | TimelineMark
    | Change
    | KnownState
)


class History:
    """An open history, for one thread at a time. Every method may raise HistoryError."""

    def __init__(self, directory: Path, connection: sqlite3.Connection, lock: int | None) -> None:
        self.directory = directory
        self._connection = connection
        self._lock = lock
        self._layouts: dict[int, tuple[str, ...]] = {}
        self._previous: int | None = None
        self._version = self._data_version()
        self._file = database_file.identity(directory)

    @classmethod
    def writer(cls, directory: Path) -> Self:
        """Open for writing; create the file if it is missing.

        Raises: HistoryInUse, HistoryUnavailable, HistoryTooNew, HistoryDamaged.
        """
        lock = lock_file.acquire(directory)
        try:
            connection = database_file.connect(directory / FILE, "rwc")
        except BaseException:
            os.close(lock)
            raise
        return cls(directory, connection, lock)

    @classmethod
    def reader(cls, directory: Path) -> Self:
        """Open for reading. Raises: HistoryUnavailable when there is no file, HistoryTooNew, HistoryDamaged."""
        return cls(directory, database_file.connect(directory / FILE, "ro"), None)

    @classmethod
    def client(cls, directory: Path) -> Self:
        """Open to leave a request for the writer. Raises: as `reader`."""
        return cls(directory, database_file.connect(directory / FILE, "rw"), None)

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

    def is_replaced(self) -> bool:
        """Whether the directory has another file by now, or none: nobody else reads or writes the one that is open."""
        return self._file != database_file.identity(self.directory)

    def _data_version(self) -> int:
        ((version,),) = self._fetch("PRAGMA data_version")
        return int(version)

    def check(self) -> None:
        """Check every page, record and tick. Raises: HistoryDamaged."""
        found = self._fetch("PRAGMA quick_check(1)")
        if found != [("ok",)]:
            raise database_file.damaged(self.directory, str(found[0][0] if found else found))
        for kind in _KINDS:
            self.all(kind)
        for _ in self._rows(-_END, _END):
            pass
        for _ in self._sample_rows(-_END):
            pass

    # --- records

    def put(self, number: int, record: Record) -> None:
        """Write a record, in place of the one of its kind with this number."""
        kind, text = _KINDS[type(record)], serialization.dumps(record)
        self._execute(database_file.statement("put_record"), (kind, number, text, _checksum(kind, number, text)))

    def drop(self, kind: type[Any], number: int) -> None:
        """Delete a record."""
        self._execute(database_file.statement("delete_record"), (_KINDS[kind], number))

    def all(self, kind: type[T]) -> dict[int, T]:
        """All records of a kind by number, in ascending order."""
        return dict(self._records(kind, None))

    def get(self, kind: type[T], number: int) -> T | None:
        """The record with this number; None without it."""
        return dict(self._records(kind, number)).get(number)

    def _records(self, kind: type[T], number: int | None) -> Iterator[tuple[int, T]]:
        name = _KINDS[kind]
        for found, text, checksum in self._fetch(database_file.statement("records"), (name, number)):
            if checksum != _checksum(name, found, text):
                raise database_file.damaged(self.directory, f"the checksum of {name} {found} is wrong")
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
        if self._execute(database_file.statement("add_tick"), row).rowcount:
            self._previous = row.checksum

    def last(self) -> TickRow | None:
        """The row of the latest tick; None without ticks."""
        found = self._fetch(database_file.statement("last_tick"))
        return TickRow(*found[0]) if found else None

    def ticks(self, after: float, until: float | None = None, origin: float = 0.0) -> Iterator[Tick]:
        """The ticks later than `after` and not later than `until`; their `elapsed` counts from `origin`.

        Units: seconds on the time line. Raises: HistoryDamaged at the first inconsistent row.
        """
        before: TickRow | None = None
        for row in self._rows(round(after * 1000), _END if until is None else round(until * 1000)):
            if before and row.previous != before.checksum:
                raise database_file.damaged(self.directory, f"the tick before {row.t} is missing")
            before = row
            names = self.layout(row.layout)
            with _decoding(self.directory):
                tick = records.unpack(row, names, row.t / 1000 - origin)
            yield tick

    def forget(self, after: float, before: float) -> None:
        """Delete the ticks between two times, seconds on the time line."""
        self._execute(database_file.statement("delete_ticks"), (round(after * 1000), round(before * 1000)))

    def layout(self, number: int) -> tuple[str, ...]:
        """The names of a layout's numbers."""
        if number not in self._layouts:
            layout = self.get(Layout, number)
            if layout is None:
                raise database_file.damaged(self.directory, f"layout {number} is missing")
            self._layouts[number] = layout.names
        return self._layouts[number]

    def _rows(self, after: int, until: int) -> Iterator[TickRow]:
        """Rows in the order of time. They are read in batches, so that the writer does not wait for a slow reader."""
        while rows := [TickRow(*row) for row in self._fetch(database_file.statement("ticks"), (after, until, _BATCH))]:
            for row in rows:
                if row.checksum != row.expected_checksum:
                    raise database_file.damaged(self.directory, f"the checksum of the tick at {row.t} is wrong")
                yield row
            after = rows[-1].t

    # --- samples

    def add_samples(self, t: int, block: SampleBlock, number: int, series: Sequence[SeriesName]) -> None:
        """Write a block of samples, unless there is one at that time.

        `t` is the time of its last scrape, milliseconds on the time line; `series` are those of the list `number`.
        """
        row = SampleRow(t, block.times[-1], number, sample_blocks.pack(block, series), 0)
        self._execute(database_file.statement("add_samples"), row._replace(checksum=row.expected_checksum))

    def samples(self, since: float) -> "Iterator[tuple[float, SampleBlock]]":
        """The blocks of samples whose last scrape was at `since` or later, Unix seconds, with its time.

        Units: seconds on the time line. Shape: in the order of time; none in a file of an earlier build.
        """
        lists: dict[int, tuple[SeriesName, ...]] = {}
        for row in self._sample_rows(round(since * 1000)):
            with _decoding(self.directory):
                if row.series not in lists:
                    lists[row.series] = self.all(SeriesList)[row.series].series()
                block = sample_blocks.unpack(row.block, lists[row.series])
            yield row.t / 1000, block

    def forget_samples(self, before: float) -> None:
        """Delete the blocks before a time, seconds on the time line, and the lists of series that no block needs."""
        self._execute(database_file.statement("delete_samples"), (round(before * 1000),))
        self._execute(database_file.statement("delete_series_lists"), (_KINDS[SeriesList],))

    def _sample_rows(self, since: int) -> Iterator[SampleRow]:
        if not self._fetch(database_file.statement("has_samples")):
            return
        after = -_END
        while rows := [
            SampleRow(*row) for row in self._fetch(database_file.statement("samples"), (after, since, _BATCH))
        ]:
            for row in rows:
                if row.checksum != row.expected_checksum:
                    raise database_file.damaged(self.directory, f"the checksum of the samples at {row.t} is wrong")
                yield row
            after = rows[-1].t

    def _fetch(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        # A column that cannot be decoded raises only here.
        with database_file.mapped_errors(self.directory):
            return self._connection.execute(statement, values).fetchall()

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        with database_file.mapped_errors(self.directory):
            return self._connection.execute(statement, values)


@contextmanager
def _decoding(directory: Path) -> Generator[None]:
    """A row with a right checksum that cannot be decoded was written by another program."""
    try:
        yield
    except (ValueError, KeyError, TypeError, struct.error, zlib.error) as error:
        raise database_file.damaged(directory, f"{type(error).__name__}: {error}") from error


def _checksum(kind: str, number: int, text: str) -> int:
    return zlib.crc32(f"{kind}/{number}/{text}".encode())
