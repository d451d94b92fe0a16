"""On every kind of database each published value is that of the reference query, or is absent with a reason.

PostgreSQL 15 and 18 x {UTF8, SQL_ASCII, LATIN1} x {UTC, Asia/Tokyo, America/St_Johns} x {primary, fresh standby, paused
standby, delayed standby} x {timestamptz, timestamp} x {plain, partitioned}. The exporter has the monitoring role of the
shipped script; the reference queries are run by a superuser on the primary.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final

import psycopg
import pytest

from exporter.core.errors import Reason
from exporter.core.types import Seconds
from exporter.lab.postgres.cluster import Cluster
from exporter.metrics.readings import Distribution
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from exporter.sampling.run import run_once
from exporter.sampling.sampler import Sampler
from tests import requirements
from tests.database.documented import Series
from tests.database.roles import MONITOR
from tests.database.sampling import sampler, series
from tests.database_matrix import reference, rows
from tests.database_matrix.cells import CELLS, Cell, TimeType
from tests.database_matrix.databases import connect, create_databases
from tests.postgres import Database, started
from tests.standby import Standby, standby_of

# The allowed replay lag, and the time after which a standby with paused replay is detected. Seconds.
ALLOWED_LAG: Final = 4.0
DETECTED_AFTER: Final = ALLOWED_LAG + 0.5
# After half of it a WAL receiver asks its primary, which proves in time that a quiet primary has sent everything.
STANDBY: Final = {"wal_receiver_timeout": "3s"}
# A zone that no cell has: published values depend on no setting of the server.
SETTINGS: Final = {"max_connections": "20", "autovacuum": "off", "timezone": "Asia/Kolkata"}
COLLECTORS: Final = {"backlog", "throughput", "last_hour", "events", "idempotency"}
COUNTERS: Final = {
    "outbox_processed_jobs_total",
    "outbox_queue_processed_jobs_total",
    "outbox_fsm_events_total",
    "outbox_fsm_events_by_type_total",
}


class ServerState(Enum):
    """The sampled server and its replay."""

    PRIMARY = "primary"
    FRESH = "fresh standby"
    PAUSED = "paused standby"
    DELAYED = "delayed standby"

    @property
    def is_stale(self) -> bool:
        """Whether the latest changes are not replayed."""
        return self in (ServerState.PAUSED, ServerState.DELAYED)


@pytest.fixture(scope="module", params=["embedded", "debian"])
def replicated(request: pytest.FixtureRequest) -> Iterator[Standby]:
    """A primary with a database for each cell, and its standby: PostgreSQL 18 of the wheel, Debian's 15."""
    if request.param == "debian":
        requirements.require_debian()
        primary = Cluster.debian(SETTINGS)
    else:
        primary = Cluster.embedded(SETTINGS)
    with started(primary):
        create_databases(primary)
        with standby_of(primary, STANDBY) as standby:
            yield standby


@pytest.fixture(scope="module", params=ServerState, ids=lambda state: state.value.replace(" ", "-"))
def state(replicated: Standby, request: pytest.FixtureRequest) -> Iterator[ServerState]:
    """Brings the standby into the state; a stale one misses the changes that are made then."""
    chosen: ServerState = request.param
    replicated.wait_until_caught_up()
    with lagging(replicated, chosen):
        began = time.monotonic()
        if chosen.is_stale:
            for cell in CELLS:
                with connect(replicated.primary, cell) as connection:
                    rows.apply_changes(connection, cell)
        if chosen is not ServerState.PRIMARY:
            time.sleep(max(0.0, began + DETECTED_AFTER - time.monotonic()))
        yield chosen


@contextmanager
def lagging(standby: Standby, state: ServerState) -> Iterator[None]:
    """Stops replay for the states that need it."""
    match state:
        case ServerState.PAUSED:
            standby.pause_replay()
            yield
            standby.resume_replay()
        case ServerState.DELAYED:
            configure(standby, "ALTER SYSTEM SET recovery_min_apply_delay = '1h'")
            yield
            configure(standby, "ALTER SYSTEM RESET recovery_min_apply_delay")
        case _:
            yield


def configure(cluster: Cluster, statement: str) -> None:
    """Changes a setting of the server and reloads it."""
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(statement.encode())
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_published_numbers_match_the_reference_query_or_are_absent(replicated, state, cell):
    """With `timestamp_zone` where the columns have no time zone."""
    zone = {"timestamp_zone": cell.zone.value} if cell.times is TimeType.PLAIN else {}
    if state.is_stale:
        with sampling_of(replicated, cell, **zone) as sampling:
            assert refusals(sampling) == dict.fromkeys(COLLECTORS, Reason.STALE)
        return
    server = replicated.primary if state is ServerState.PRIMARY else replicated
    with sampling_of(server, cell, **zone) as sampling, reference_session(replicated, cell) as connection:
        replicated.wait_until_caught_up()  # with what the primary has written by itself since the state began
        assert gauges(sampling) == reference.expected_gauges(connection, sampling.labels)
        counted_before, before = reference.row_counts(connection), counters(sampling)
        rows.apply_changes(connection, cell)
        replicated.wait_until_caught_up()
        assert gauges(sampling) == reference.expected_gauges(connection, sampling.labels)
        assert increase_of(before, counters(sampling)) == increase_of(counted_before, reference.row_counts(connection))


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.times is TimeType.PLAIN], ids=lambda cell: cell.name)
def test_times_of_an_unknown_zone_are_not_published(replicated, state, cell):
    """Columns of type timestamp without `timestamp_zone`: no server's readings are published."""
    with sampling_of(replicated.primary if state is ServerState.PRIMARY else replicated, cell) as sampling:
        found = refusals(sampling)
    assert found.keys() == COLLECTORS
    assert set(found.values()) <= {Reason.SCHEMA, *([Reason.STALE] if state.is_stale else [])}


@contextmanager
def sampling_of(server: Cluster, cell: Cell, **settings: Any) -> Iterator[Sampler]:
    """The exporter's sampler of one database."""
    dsn = Database(server, cell.name).dsn(MONITOR)
    with sampler(dsn, max_replay_lag=Seconds(ALLOWED_LAG), **settings) as sampling:
        yield sampling


@contextmanager
def reference_session(replicated: Standby, cell: Cell) -> Iterator[psycopg.Connection[Any]]:
    """A session with the primary for the reference queries."""
    with connect(replicated.primary, cell) as connection:
        reference.prepare(connection, cell)
        yield connection


def sampled(sampling: Sampler) -> dict[str, CollectorState]:
    """The collectors that read rows, after one run each."""
    for entry in sampling._entries:
        if entry.state.target is CollectorTarget.DATABASE:
            sampling.store.record(run_once(entry.collector), entry.interval)
    states = {state.name: state for state in sampling.store.states() if state.target is CollectorTarget.DATABASE}
    assert states.keys() == COLLECTORS
    return states


def gauges(sampling: Sampler) -> Series:
    """The published readings of rows; every collector has to succeed."""
    states = sampled(sampling)
    assert {name: state.problems for name, state in states.items()} == dict.fromkeys(COLLECTORS, ())
    published = series(reading for state in states.values() for reading in state.readings)
    return {key: value for key, value in published.items() if not key[0].startswith("outbox_server_")}


def counters(sampling: Sampler) -> Series:
    """The counters of the latest sample, and the count of the histogram."""
    found: Series = {}
    for reading in (reading for state in sampling.store.states() for reading in state.readings):
        if isinstance(reading, Distribution):
            found[reading.metric.name, reading.labels] = sum(reading.counts)
        elif reading.metric.name in COUNTERS:
            found[reading.metric.name, reading.labels] = reading.value
    return found


def increase_of(before: Series, after: Series) -> Series:
    """The increase of each series, without those that did not increase."""
    increases = {key: value - before.get(key, 0) for key, value in after.items()}
    return {key: value for key, value in increases.items() if value}


def refusals(sampling: Sampler) -> dict[str, Reason]:
    """The reason of each collector's failure; none of them publishes a reading."""
    states = sampled(sampling)
    assert {name: state.readings for name, state in states.items()} == dict.fromkeys(COLLECTORS, ())
    return {name: problem.reason for name, state in states.items() for problem in state.problems}
