"""Traffic during a measurement: jobs, events and keys at a constant rate, and processed jobs."""

import time
from datetime import UTC, datetime
from typing import Final, Self
from uuid import UUID

import psycopg

from benchmarks import fill
from benchmarks.plan import Size
from benchmarks.server import BenchmarkDatabase, statement
from exporter.lab.background import BackgroundLoop, LabConnection

_STEP: Final = 1.0  # seconds; a step processes the jobs of the one before


class SteadyTraffic:
    """Writes `size.rate` jobs, events and keys an hour; a context manager."""

    def __init__(self, database: BenchmarkDatabase, size: Size) -> None:
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
            fill.record_progress(connection, datetime.now(UTC))

    def _step(self) -> float:
        due = int((time.monotonic() - self._started) * self._size.rate / 3600)
        rows, self._written = due - self._written, due
        connection = self._link.open()
        with connection.transaction():
            written = self._write(connection, rows)
        self._waiting = written
        return _STEP

    def _write(self, connection: psycopg.Connection, rows: int) -> list[UUID]:
        values = {"courses": self._size.courses, "rows": rows}
        connection.execute(statement("traffic_events"), values)
        connection.execute(statement("traffic_keys"), values)
        self._process(connection)
        return [row[0] for row in connection.execute(statement("traffic_jobs"), values)]

    def _process(self, connection: psycopg.Connection) -> None:
        connection.execute(statement("traffic_process"), {"ids": self._waiting})
