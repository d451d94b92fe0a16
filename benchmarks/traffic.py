"""Traffic while measuring: jobs written and processed, events, keys, at a steady rate."""

import time
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID

import psycopg

from benchmarks import fill, sqlfile
from benchmarks.plan import Size
from benchmarks.server import Database
from exporter.lab.background import BackgroundLoop, LabConnection

_STEP: Final = 1.0  # seconds; what one step writes, the next one processes


class Traffic:
    """Writes `size.rate` jobs, events and keys an hour; a context manager.

    Attributes:
        transactions: committed so far.
    """

    def __init__(self, database: Database, size: Size) -> None:
        self.transactions = 0
        self._database = database
        self._size = size
        self._link = LabConnection(database.dsn(), application_name="benchmark-traffic")
        self._loop = BackgroundLoop("traffic", self._step, self._link)
        self._waiting: list[UUID] = []
        self._written = 0
        self._started = 0.0

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._loop.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.stop()
        with self._database.connect() as connection:
            self._process(connection)
            fill.note(connection, datetime.now(UTC))

    def _step(self) -> float:
        due = int((time.monotonic() - self._started) * self._size.rate / 3600)
        rows, self._written = due - self._written, due
        connection = self._link.open()
        with connection.transaction():
            written = self._write(connection, rows)
        self.transactions += 1
        self._waiting = written
        return _STEP

    def _write(self, connection: psycopg.Connection, rows: int) -> list[UUID]:
        values = {"courses": self._size.courses, "rows": rows}
        connection.execute(sqlfile.load("traffic_events"), values)
        connection.execute(sqlfile.load("traffic_keys"), values)
        self._process(connection)
        return [row[0] for row in connection.execute(sqlfile.load("traffic_jobs"), values)]

    def _process(self, connection: psycopg.Connection) -> None:
        connection.execute(sqlfile.load("traffic_process"), {"ids": self._waiting})
