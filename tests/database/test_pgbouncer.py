"""Through PgBouncer in transaction mode: the same truth, and nothing left on the shared server connection."""

import random
import time
from collections.abc import Iterator

import psycopg
import pytest

from exporter.core.errors import Reason, SampleError
from exporter.database.visibility import Table
from exporter.lab.postgres.cluster import Cluster
from tests import postgres
from tests.database import rows
from tests.database.activity import until
from tests.database.pgbouncer import PgBouncer, pgbouncer
from tests.database.roles import monitoring_role
from tests.database.sampling import compare_all, database_client, everything, hanging, sampler
from tests.newest import SOURCES
from tests.postgres import Database

CASES = 25
DELAY = 50_000
OUTBOX = Table("job_outbox", ("created_at",))
SETTINGS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "default_transaction_read_only",
    "default_transaction_isolation",
    "search_path",
    "row_security",
    "max_parallel_workers_per_gather",
    "jit",
)


@pytest.fixture(scope="module", params=SOURCES)
def pooler(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[PgBouncer]:
    with pgbouncer(cluster, SOURCES[request.param]) as running:
        yield running


@pytest.fixture
def pooled(pooler: PgBouncer, cluster: Cluster) -> Iterator[Database]:  # noqa: ARG001 - must outlive the database
    with postgres.cloned(cluster) as database:
        yield database


def shown(connection: psycopg.Connection) -> dict[str, object]:
    return {name: connection.execute(f"SHOW {name}".encode()).fetchone() for name in SETTINGS}


def backend(connection: psycopg.Connection) -> object:
    return connection.execute("SELECT pg_backend_pid()").fetchone()


def test_the_same_truth(pooler, pooled):
    """Randomised cases, every gauge the documented answer."""
    rng = random.Random(6432)
    with sampler(pooler.dsn(pooled.name)) as sampling, pooled.connect() as connection:
        for _ in range(CASES):
            rows.write(connection, rows.content(rng, around_edges=DELAY))
            compare_all(sampling)


def test_the_same_truth_for_the_monitoring_role(pooler, pooled):
    """Whose own settings the pooler knows nothing of."""
    with pooled.connect() as connection:
        rows.write(connection, rows.quiet())
    with monitoring_role(pooled) as role:
        assert everything(pooler.dsn(pooled.name, role)) == everything(pooled.dsn())


def test_nothing_is_left_for_the_next_client(pooler, pooled):
    """Another client on the same server connection finds no setting of ours, no statement, no lock, no transaction."""
    dsn = pooler.dsn(pooled.name)
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as other, sampler(dsn) as sampling:
        before, theirs = shown(other), backend(other)
        for _ in range(5):
            for collector in sampling.database_collectors:
                with sampling.database.sample(*collector.reads) as session:
                    assert backend(session._connection) == theirs
                    tuple(collector.read(session))
                assert shown(other) == before
        assert backend(other) == theirs
        assert other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
        locks = (
            "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'public.job_outbox'::regclass"
        )
        assert other.execute(locks.encode()).fetchone() == (0,)
        other.execute("CREATE TABLE still_writable ()")


def test_settings_of_other_clients_change_no_number(pooler, pooled):
    """A careless client's settings on the shared connection are overruled inside our transaction."""
    dsn = pooler.dsn(pooled.name)
    with pooled.connect() as connection:
        rows.write(connection, rows.quiet())
    expected = everything(pooled.dsn())
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as careless:
        for setting in (
            "search_path = auth",
            "jit = on",
            "row_security = off",
            "timezone = 'Asia/Tokyo'",
            "client_encoding = 'LATIN1'",
            "quote_all_identifiers = on",
            "extra_float_digits = -15",
            "standard_conforming_strings = off",
        ):
            careless.execute(f"SET {setting}".encode())
        assert everything(dsn) == expected


def test_nor_does_a_failed_sample(pooler, pooled):
    """After a timeout inside our transaction the server connection is clean and in use again."""
    dsn = pooler.dsn(pooled.name)
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as other:
        before = shown(other)
        with (
            database_client(dsn, statement_timeout=0.2) as opened,
            pytest.raises(SampleError) as slow,
            opened.sample() as session,
        ):
            session._connection.execute("SELECT pg_sleep(5)")
        assert slow.value.reason is Reason.TIMEOUT
        assert shown(other) == before


def test_closing_breaks_off_a_query_behind_the_pooler(pooler, pooled):
    """The request to cancel finds its way through, so no statement of ours runs on."""
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(60)%'"
    with database_client(pooler.dsn(pooled.name), statement_timeout=60) as opened:
        thread, errors = hanging(opened)
        until(lambda: pooled.value(sleeping) == 1)
        started = time.monotonic()
        opened.close()
        thread.join(4)
        assert time.monotonic() - started < 4
        until(lambda: pooled.value(sleeping) == 0, timeout=5)
    assert len(errors) == 1
