"""A small size, and a query."""

from typing import Any

from benchmarks.plan import Size
from benchmarks.server import BenchmarkDatabase

SIZE = Size(jobs=60_000, events=50_000, keys=2_000, courses=20, pending=200, rate=13_000)
PENDING = "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL"


def value(database: BenchmarkDatabase, query: str) -> Any:
    with database.connect() as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]
