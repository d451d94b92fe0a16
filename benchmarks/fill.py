"""Fills a database to a given size, and brings it up to the present again."""

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

from benchmarks import sqlfile
from benchmarks.plan import Size
from benchmarks.server import Database
from exporter.lab import migrate

_log = logging.getLogger(__name__)
# The statement that writes each table.
_WRITERS: Final = {"job_outbox": "jobs", "fsm_events": "events", "idempotency_keys": "keys"}
_TABLES: Final = tuple(_WRITERS)
_AFTERWARDS: Final = ("pending", "worn")  # not part of what is filled and kept
_EDITION: Final = 3  # counted up when what is written changes, so that kept databases are filled anew
_HISTORY: Final = timedelta(days=30)  # cleanup_old_outbox_entries leaves so much
_RECENT: Final = timedelta(hours=3)  # with traffic at the full rate, in a database of any size
_BATCH: Final = 1_000_000  # rows per statement


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many rows of one table, spread evenly between two moments."""

    table: str
    rows: int
    since: datetime
    until: datetime


def ensure(database: Database, size: Size) -> None:
    """Has `database` hold what `size` says, up to now; fills it anew unless an earlier invocation has done it.

    Takes some minutes for ten million rows. The backlog is not part of it: see `pend`.
    """
    if not (database.exists and _holds(database, size)):
        _fill(database, size)
    catch_up(database, size)


def catch_up(database: Database, size: Size) -> None:
    """Adds the traffic between the last writing and now, but no more than three hours of it."""
    with database.connect() as connection:
        now = datetime.now(UTC)
        since = max(_filled_until(connection), now - _RECENT)
        rows = round(size.rate * (now - since) / timedelta(hours=1))
        if rows:
            _write(connection, [Stretch(table, rows, since, now) for table in _TABLES], size)
        oldest_key = now - timedelta(hours=size.keys / size.rate)
        connection.execute("DELETE FROM public.idempotency_keys WHERE created_at < %s", (oldest_key,))
        note(connection, now)


def drain(database: Database) -> None:
    """Removes the backlog."""
    with database.connect() as connection:
        connection.execute("DELETE FROM public.job_outbox WHERE processed_at IS NULL")


def pend(database: Database, size: Size) -> None:
    """Adds a backlog of the right size, as old as it would be now."""
    with database.connect() as connection:
        parameters = {"rows": size.pending, "rate": size.rate, "courses": size.courses}
        connection.execute(sqlfile.load("pending"), parameters)
        connection.execute("ANALYZE public.job_outbox")


def wear(database: Database, size: Size) -> None:
    """Lets `size.worn` jobs pass through the outbox, so that their dead rows and index entries are there.

    To be called while there is no backlog, which would be processed too.
    """
    if not size.worn:
        return
    with database.connect() as connection:
        places = {"rows": size.worn, "rate": size.rate, "courses": size.courses}
        connection.execute(sqlfile.load("wear").format(**places))


def vacuum(database: Database) -> None:
    """Fresh statistics and a full visibility map, so that every turn begins alike."""
    with database.connect() as connection:
        for table in (*_TABLES, "courses"):
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier("public", table)))
        connection.execute("CHECKPOINT")


def note(connection: psycopg.Connection, until: datetime) -> None:
    """Remembers up to when there is traffic in the database."""
    connection.execute("UPDATE benchmark.state SET filled_until = %s", (until,))


def stretches(size: Size, now: datetime) -> Iterator[Stretch]:
    """What a new database is filled with, oldest first: thin or thick history, then the latest hours at the rate."""
    recent = round(size.rate * _RECENT / timedelta(hours=1))
    for table, rows in (("job_outbox", size.jobs), ("fsm_events", size.events)):
        latest = min(rows, recent)
        yield Stretch(table, rows - latest, now - _HISTORY, now - _RECENT)
        yield Stretch(table, latest, now - _RECENT, now)
    yield Stretch("idempotency_keys", size.keys, now - timedelta(hours=size.keys / size.rate), now)


def batches(stretch: Stretch, rows: int = _BATCH) -> Iterator[Stretch]:
    """The same rows in consecutive pieces of at most `rows`."""
    duration = stretch.until - stretch.since
    for first in range(0, stretch.rows, rows):
        last = min(first + rows, stretch.rows)
        since, until = (stretch.since + duration * (at / stretch.rows) for at in (first, last))
        yield Stretch(stretch.table, last - first, since, until)


def _fill(database: Database, size: Size) -> None:
    started = time.monotonic()
    database.drop()
    database.create()
    with database.connect() as connection:
        migrate.apply(connection)
        connection.execute(sqlfile.load("state"))
        connection.execute(sqlfile.load("courses").format(courses=size.courses))
        now = datetime.now(UTC)
        with _without_indexes(connection):
            _write(connection, stretches(size, now), size)
        filled = json.dumps(_comparable(size))
        connection.execute("INSERT INTO benchmark.state VALUES (%s, %s)", (filled, now))
    vacuum(database)
    _log.info("%s filled in %.0f s", database.name, time.monotonic() - started)


def _write(connection: psycopg.Connection, wanted: Iterator[Stretch] | list[Stretch], size: Size) -> None:
    connection.execute("SET session_replication_role = replica")  # no foreign-key checks, row by row
    for stretch in wanted:
        for batch in batches(stretch):
            bounds = {"rows": batch.rows, "since": batch.since, "until": batch.until, "courses": size.courses}
            connection.execute(sqlfile.load(_WRITERS[batch.table]), bounds)
        _log.info("%s: %d rows between %s and %s", stretch.table, stretch.rows, stretch.since, stretch.until)
    connection.execute("RESET session_replication_role")


@contextmanager
def _without_indexes(connection: psycopg.Connection) -> Iterator[None]:
    """Sorting ten million keys once beats finding a place for each of them."""
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


def _holds(database: Database, size: Size) -> bool:
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
