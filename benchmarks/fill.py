"""Fills a database to a given size, and adds rows up to the current time."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from psycopg import sql

from benchmarks.plan import Size
from benchmarks.server import BenchmarkDatabase, statement
from exporter.lab import migrate

_log = logging.getLogger(__name__)
# The statement that writes each table.
_WRITERS: Final = {"job_outbox": "jobs", "fsm_events": "events", "idempotency_keys": "keys"}
_TABLES: Final = tuple(_WRITERS)
_AFTERWARDS: Final = ("pending", "worn")  # not part of the filled database
_EDITION: Final = 3  # incremented when the written rows change, so that kept databases are filled again
_HISTORY: Final = timedelta(days=30)  # as much as cleanup_old_outbox_entries keeps
_RECENT: Final = timedelta(hours=3)  # at the full rate, in a database of any size
_BATCH: Final = 1_000_000  # rows per statement


@dataclass(frozen=True, slots=True)
class RowRange:
    """A number of rows of one table, evenly distributed between two times."""

    table: str
    rows: int
    since: datetime
    until: datetime


def ensure(database: BenchmarkDatabase, size: Size) -> None:
    """Fills `database` to `size`, up to now, unless an earlier invocation has done it.

    Takes minutes for ten million rows. `add_backlog` adds the backlog.
    """
    if not (database.exists and _holds(database, size)):
        _fill(database, size)
    catch_up(database, size)


def catch_up(database: BenchmarkDatabase, size: Size) -> None:
    """Adds the rows since the last write, at most those of three hours."""
    with database.connect() as connection:
        now = datetime.now(UTC)
        since = max(_filled_until(connection), now - _RECENT)
        rows = round(size.rate * (now - since) / timedelta(hours=1))
        if rows:
            _write(connection, [RowRange(table, rows, since, now) for table in _TABLES], size)
        oldest_key = now - timedelta(hours=size.keys / size.rate)
        connection.execute("DELETE FROM public.idempotency_keys WHERE created_at < %s", (oldest_key,))
        record_progress(connection, now)


def remove_backlog(database: BenchmarkDatabase) -> None:
    """Removes the backlog."""
    with database.connect() as connection:
        connection.execute("DELETE FROM public.job_outbox WHERE processed_at IS NULL")


def add_backlog(database: BenchmarkDatabase, size: Size) -> None:
    """Adds a backlog of `size.pending` jobs."""
    with database.connect() as connection:
        parameters = {"rows": size.pending, "rate": size.rate, "courses": size.courses}
        connection.execute(statement("pending"), parameters)
        connection.execute("ANALYZE public.job_outbox")


def add_dead_rows(database: BenchmarkDatabase, size: Size) -> None:
    """Adds and processes `size.worn` jobs, which leaves their dead rows and index entries.

    Call it without a backlog, because it would be processed as well.
    """
    if not size.worn:
        return
    with database.connect() as connection:
        places = {"rows": size.worn, "rate": size.rate, "courses": size.courses}
        connection.execute(statement("wear").format(**places))


def vacuum(database: BenchmarkDatabase) -> None:
    """Updates statistics and the visibility map, so that all measurements start equally."""
    with database.connect() as connection:
        for table in (*_TABLES, "courses"):
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier("public", table)))
        connection.execute("CHECKPOINT")


def record_progress(connection: psycopg.Connection, until: datetime) -> None:
    """Stores the time up to which the database has rows."""
    connection.execute("UPDATE benchmark.state SET filled_until = %s", (until,))


def row_ranges(size: Size, now: datetime) -> Iterator[RowRange]:
    """The rows of a new database, oldest first: the history, then the latest hours at the full rate."""
    recent = round(size.rate * _RECENT / timedelta(hours=1))
    for table, rows in (("job_outbox", size.jobs), ("fsm_events", size.events)):
        latest = min(rows, recent)
        yield RowRange(table, rows - latest, now - _HISTORY, now - _RECENT)
        yield RowRange(table, latest, now - _RECENT, now)
    yield RowRange("idempotency_keys", size.keys, now - timedelta(hours=size.keys / size.rate), now)


def batches(row_range: RowRange, rows: int = _BATCH) -> Iterator[RowRange]:
    """The same rows in consecutive parts of at most `rows`."""
    duration = row_range.until - row_range.since
    for first in range(0, row_range.rows, rows):
        last = min(first + rows, row_range.rows)
        since, until = (row_range.since + duration * (at / row_range.rows) for at in (first, last))
        yield RowRange(row_range.table, last - first, since, until)


def _fill(database: BenchmarkDatabase, size: Size) -> None:
    started = time.monotonic()
    database.drop()
    database.create()
    with database.connect() as connection:
        migrate.apply(connection)
        connection.execute(statement("state"))
        connection.execute(statement("courses").format(courses=size.courses))
        now = datetime.now(UTC)
        with _without_indexes(connection):
            _write(connection, row_ranges(size, now), size)
        filled = json.dumps(_comparable(size))
        connection.execute("INSERT INTO benchmark.state VALUES (%s, %s)", (filled, now))
    vacuum(database)
    _log.info("%s filled in %.0f s", database.name, time.monotonic() - started)


def _write(connection: psycopg.Connection, wanted: Iterator[RowRange] | list[RowRange], size: Size) -> None:
    connection.execute("SET session_replication_role = replica")  # no foreign-key checks, row by row
    for row_range in wanted:
        for batch in batches(row_range):
            bounds = {"rows": batch.rows, "since": batch.since, "until": batch.until, "courses": size.courses}
            connection.execute(statement(_WRITERS[batch.table]), bounds)
        _log.info("%s: %d rows between %s and %s", row_range.table, row_range.rows, row_range.since, row_range.until)
    connection.execute("RESET session_replication_role")


@contextmanager
def _without_indexes(connection: psycopg.Connection) -> Iterator[None]:
    """Creates the indexes after the rows, which is faster for ten million rows."""
    constraints = connection.execute(
        "SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),"
        " format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))"
        " FROM pg_constraint WHERE contype = 'p' AND conrelid::regclass::text = ANY(%s)",
        (list(_TABLES),),
    ).fetchall()
    for drop, _ in constraints:
        connection.execute(drop)
    indexes = connection.execute(
        "SELECT format('DROP INDEX %%I.%%I', schemaname, indexname), indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' AND tablename = ANY(%s)",
        (list(_TABLES),),
    ).fetchall()
    for drop, _ in indexes:
        connection.execute(drop)
    yield
    for _, make in (*constraints, *indexes):
        connection.execute(make)
        _log.info("%s", make)


def _holds(database: BenchmarkDatabase, size: Size) -> bool:
    with database.connect() as connection:
        try:
            row = connection.execute("SELECT size FROM benchmark.state").fetchone()
        except psycopg.errors.UndefinedTable:
            return False
    return row is not None and row[0] == _comparable(size)


def _comparable(size: Size) -> dict[str, int]:
    wanted = {name: value for name, value in asdict(size).items() if name not in _AFTERWARDS}
    return {**wanted, "edition": _EDITION}


def _filled_until(connection: psycopg.Connection) -> datetime:
    row = connection.execute("SELECT filled_until FROM benchmark.state").fetchone()
    if row is None or not isinstance(row[0], datetime):
        raise TypeError("benchmark.state is empty: the database was not filled to its end")
    return row[0]
