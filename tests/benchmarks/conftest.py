"""A filled database on a server of its own, and copies of it."""

from collections.abc import Iterator

import psycopg
import pytest

from benchmarks import fill, server
from benchmarks.server import BenchmarkDatabase, copied
from tests.benchmarks.small import SIZE
from tests.requirements import require_debian


@pytest.fixture(scope="session")
def filled() -> Iterator[BenchmarkDatabase]:
    require_debian()
    with server.cluster(None) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        database = BenchmarkDatabase(cluster, "outbox_test")
        fill.ensure(database, SIZE)
        yield database


@pytest.fixture
def database(filled: BenchmarkDatabase) -> Iterator[BenchmarkDatabase]:
    with copied(filled, "outbox_copy") as copy:
        yield copy
