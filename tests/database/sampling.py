"""Sampling as the program does it, one collector at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from exporter.collectors.database import DatabaseCollector
from exporter.config.settings import Config, DatabaseSettings, SamplingSettings
from exporter.core.errors import Reason, SampleError
from exporter.core.types import Seconds, Secret
from exporter.database import DatabaseClient, Session
from exporter.database.visibility import Table
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind
from exporter.metrics.readings import CollectorFailure, CollectorRun, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from exporter.sampling.sampler import Sampler
from tests.database import documented
from tests.database.documented import Series

# Counters cover the time since the start, not a snapshot; the index gauge describes the schema.
_NOT_OF_THE_ROWS = frozenset({catalogue.HELPFUL_INDEX_MISSING})


def no_listener(run: CollectorRun, interval: float, before: CollectorState) -> None:
    """A listener for Schedule that does nothing."""


def configuration(dsn: str, **database: Any) -> Config:
    """Settings for this server; the label limit is the default, 20."""
    settings = {"statement_timeout": Seconds(30), **database}
    return Config(database=DatabaseSettings(dsn=Secret(dsn), **settings), sampling=SamplingSettings())


@contextmanager
def sampler(dsn: str, **database: Any) -> Iterator[Sampler]:
    """The collectors, with an open client."""
    sampling = Sampler(configuration(dsn, **database), no_listener)
    sampling.database.open()
    try:
        yield sampling
    finally:
        sampling.database.close()


@contextmanager
def database_client(dsn: str, **database: Any) -> Iterator[DatabaseClient]:
    """The client alone."""
    opened = DatabaseClient(configuration(dsn, **database).database)
    opened.open()
    try:
        yield opened
    finally:
        opened.close()


def hanging(opened: DatabaseClient) -> tuple[threading.Thread, list[SampleError]]:
    """A sample in a thread of its own, in the middle of a statement that takes a minute; and how it failed."""
    errors: list[SampleError] = []

    def sample() -> None:
        try:
            with opened.sample(Table("job_outbox", ("created_at",))) as session:
                session._connection.execute("SELECT pg_sleep(60)")
        except SampleError as error:
            errors.append(error)

    thread = threading.Thread(target=sample)
    thread.start()
    return thread, errors


def series(readings: Any) -> Series:
    """Readings about the rows as they are, by name and labels. Two readings of one series are a bug."""
    found = [
        reading
        for reading in readings
        if isinstance(reading, Reading) and reading.metric.kind is Kind.GAUGE and reading.metric not in _NOT_OF_THE_ROWS
    ]
    result = {(reading.metric.name, reading.labels): float(reading.value) for reading in found}
    assert len(result) == len(found)
    return result


def states(dsn: str, **database: Any) -> tuple[CollectorState, ...]:
    """The collectors that ask for rows after one run each, as `outbox-exporter sample` does it."""
    sampling = Sampler(configuration(dsn, **database), no_listener)
    sampling.sample_once()
    return tuple(state for state in sampling.store.states() if state.target is CollectorTarget.DATABASE)


def everything(dsn: str, **database: Any) -> Series:
    """All gauges of all database collectors; each must succeed."""
    result: Series = {}
    for state in states(dsn, **database):
        assert state.success, state.problems
        result |= series(state.readings)
    return result


def refusals(dsn: str, **database: Any) -> dict[str, CollectorFailure]:
    """The message of each database collector that cannot sample; none of these brings any reading."""
    result = {}
    for state in states(dsn, **database):
        if not state.success:
            assert state.readings == ()
            (result[state.name],) = state.problems
    return result


def reasons(dsn: str) -> set[Reason]:
    """In which ways sampling is refused."""
    return {failure.reason for failure in refusals(dsn).values()}


def compare(sampling: Sampler, collector: DatabaseCollector, session: Session) -> None:
    """One collector's gauges are the documented answers of the same snapshot, to the last bit, present and absent."""
    found = series(collector.read(session))
    connection = session._connection
    connection.execute(b"SET LOCAL search_path = public")
    match collector.name:
        case "backlog":
            assert found.pop(("outbox_head_blocked_jobs", ())) in documented.head_blocked(connection)
            expected = documented.backlog(connection, sampling.labels.queues)
        case "last_hour":
            expected = documented.last_hour(connection, sampling.labels.queues)
        case "events":
            expected = documented.events(connection, sampling.labels.events)
        case "idempotency":
            expected = documented.idempotency(connection)
        case "throughput":  # counters alone: see test_counters.py
            expected = {}
        case unknown:
            raise AssertionError(f"a collector that is not checked: {unknown}")
    assert found == expected


def compare_all(sampling: Sampler) -> None:
    """Each collector in a transaction of its own, through the real client."""
    for collector in sampling.database_collectors:
        with sampling.database.sample(*collector.reads) as session:
            compare(sampling, collector, session)


class WritableSession(Session):
    """A session in a transaction that wrote the rows itself, so that they lie exactly on the edges."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection, configuration("").database)

    def _begin(self, *_: object, **__: object) -> Any:  # the limits are the writer's, and so is the right to see
        connection = self._connection
        connection.execute(b"SET LOCAL search_path = pg_catalog, pg_temp")
        connection.execute(b"SET LOCAL outbox_exporter.sample = on")
        row = connection.execute(b"SELECT extract(epoch FROM now())::float8, current_user::text").fetchone()
        assert row is not None
        return _Moment(*row), [], None


class _Moment:
    def __init__(self, now: float, role: str) -> None:
        self.now = now
        self.role = role
        self.read_only, self.isolation = True, "repeatable read"
