"""Locks of other sessions: we wait briefly, take weak locks, and block no other session."""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from exporter.config.settings import Config, DatabaseSettings, SamplingSettings
from exporter.core.types import Ratio, Seconds, Secret
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from exporter.sampling.sampler import Sampler
from tests.database import rows
from tests.database.activity import Backends, Page, all_succeeded, until
from tests.database.sampling import no_listener
from tests.postgres import Database

INTERVAL, LOCK_TIMEOUT = 0.5, 0.05
# The time that a busy machine may take for immediate operations.
SLACK = 3.0
HELD = 5.0


@contextmanager
def running(database: Database, *, lock_timeout: float = LOCK_TIMEOUT) -> Iterator[Sampler]:
    """The exporter's sampling at work, without its thrift: the budget would stretch so short an interval."""
    config = Config(
        database=DatabaseSettings(dsn=Secret(database.dsn()), lock_timeout=Seconds(lock_timeout)),
        sampling=SamplingSettings(interval=Seconds(INTERVAL), budget_ratio=Ratio(1.0), rows_per_second=1_000_000),
    )
    sampling = Sampler(config, no_listener)
    sampling.start()
    try:
        until(lambda: all_succeeded(sampling))
        yield sampling
    finally:
        sampling.stop()


@pytest.fixture
def filled(database: Database) -> Database:
    with database.connect() as connection:
        rows.write(connection, rows.quiet())
    return database


def of_rows(sampling: Sampler) -> list[CollectorState]:
    """The collectors that ask for rows; that of the migration has a slower pace."""
    return [state for state in sampling.store.states() if state.target is CollectorTarget.DATABASE]


def succeeding(sampling: Sampler) -> set[str]:
    """The collectors that ask for rows and got them."""
    return {state.name for state in of_rows(sampling) if state.success}


def test_a_locked_table(filled):
    """Other tables are sampled, our series vanish and return, with one backend at most."""
    locked = {"backlog", "throughput", "last_hour"}
    with running(filled) as sampling, Backends(filled) as backends, filled.connect(autocommit=False) as locker:
        page = Page(sampling)
        assert page.has("outbox_pending_jobs")
        locker.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        until(lambda: not page.has("outbox_pending_jobs"), 3 * INTERVAL + SLACK)
        while time.monotonic() - started < HELD:
            assert page.up()
            assert page.has("outbox_last_hour_fsm_events")
            assert page.has("outbox_idempotency_keys")
            assert not page.has("outbox_pending_jobs")
            time.sleep(0.05)
        assert page.failures().keys() == {(collector, "lock") for collector in locked}
        assert succeeding(sampling) == {"events", "idempotency"}
        runs = {state.name: state.runs for state in sampling.store.states()}
        locker.rollback()
        until(lambda: all(map(page.has, ("outbox_pending_jobs", "outbox_last_hour_processed_jobs"))), INTERVAL + SLACK)
        # Within one interval: a run in progress may have failed, the next run brings the values.
        assert all(state.runs <= runs[state.name] + 2 for state in sampling.store.states() if state.name in locked)
        until(lambda: all_succeeded(sampling))
    assert backends.most == 1


def test_scrapes_do_not_wait_for_a_lock(filled):
    """A collector waits for a locked table; the scrapes in that time do not."""
    with running(filled, lock_timeout=2) as sampling, filled.connect(autocommit=False) as locker:
        page = Page(sampling)
        locker.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        until(lambda: waiting(filled, "outbox-exporter"))
        until(page.ten_scrapes_during_a_run)
        assert waiting(filled, "outbox-exporter")


def test_a_locked_table_from_the_start(filled):
    """An exporter that starts during a migration samples the rest at once, and the table when it is free."""
    with filled.connect(autocommit=False) as locker:
        locker.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        threading.Timer(1.5, locker.rollback).start()
        with running(filled) as sampling:
            runs = {state.name: state for state in sampling.store.states()}
            assert all(not state.failures for state in (runs["events"], runs["idempotency"]))
            assert runs["backlog"].failures


def test_a_table_locked_for_long_is_sampled_afterwards(filled):
    """The cached catalogue is cleared while a table is locked; other tables are not affected."""
    with running(filled) as sampling, filled.connect(autocommit=False) as locker:
        locker.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        sampling.index_catalogue.forget()
        before = {state.name: state.runs for state in of_rows(sampling)}
        until(lambda: all(state.runs > before[state.name] + 1 for state in of_rows(sampling)))
        assert succeeding(sampling) == {"events", "idempotency"}


def test_a_migration_is_not_held_up(filled):
    """While we sample without pause, each ALTER TABLE gets its lock within our lock_timeout."""
    waits = []
    with running(filled) as sampling, filled.connect() as migration:
        runs = sum(state.runs for state in sampling.store.states())
        for number in range(30):
            time.sleep(0.03)
            started = time.monotonic()
            migration.execute(f"ALTER TABLE job_outbox ADD COLUMN c{number} INT".encode())
            waits.append(time.monotonic() - started)
        assert sum(state.runs for state in sampling.store.states()) > runs
    assert statistics.median(waits) <= LOCK_TIMEOUT
    assert max(waits) <= LOCK_TIMEOUT + SLACK


def test_a_migration_in_the_lock_queue_is_not_delayed(filled):
    """We wait for a lock, a migration waits behind us: when the lock is free, it gets it within lock_timeout."""
    timeout = 0.5  # the default
    with running(filled, lock_timeout=timeout), filled.connect(autocommit=False) as locker:
        locker.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        until(lambda: waiting(filled, "outbox-exporter"))
        done: list[float] = []

        def migrate() -> None:
            with filled.connect(application_name="migration") as connection:
                connection.execute("ALTER TABLE job_outbox ADD COLUMN later INT")
                done.append(time.monotonic())

        thread = threading.Thread(target=migrate)
        thread.start()
        until(lambda: waiting(filled, "migration"))
        freed = time.monotonic()
        locker.rollback()
        thread.join()
    assert done[0] - freed <= timeout + SLACK


def test_the_processor_is_never_delayed(filled):
    """Reading locks no row and conflicts with no writer: updates run at full speed while we sample."""
    with running(filled) as sampling, filled.connect() as processor:
        processor.execute("SET lock_timeout = '20ms'")
        runs = sum(state.runs for state in sampling.store.states())
        while sum(state.runs for state in sampling.store.states()) < runs + 10:
            processor.execute("UPDATE job_outbox SET attempts = attempts")
            processor.execute("DELETE FROM idempotency_keys WHERE expires_at < now() - interval '10 years'")


def waiting(database: Database, application: str) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
    return bool(database.value(query, (application,)))
