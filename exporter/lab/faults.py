"""Faults that can be injected into the lab, by name."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from exporter.lab.application.server import Application
from exporter.lab.application.telemetry import Telemetry
from exporter.lab.background import BackgroundLoop
from exporter.lab.workload.queues import Queues
from exporter.lab.workload.traffic import Traffic

RETIRED_QUEUE: Final = "retired-queue"
_POISON: Final = Path(__file__).parent / "sql" / "poison_rows.sql"
_FAILING_SHARE: Final = 0.4
# Ten jobs wait 1 + 2 + 4 s for their queue: 1.4 jobs per second, fewer than the traffic adds.
_DROPPED_ATTEMPTS: Final = 3
_CLEANUPS: Final = ("cleanup_expired_idempotency_keys", "cleanup_old_outbox_entries")
_OVERDUE: Final = """
    INSERT INTO idempotency_keys (key, created_at, expires_at)
    SELECT 'overdue-' || gen_random_uuid(), moment - INTERVAL '48 hours', moment
    FROM (SELECT NOW() - INTERVAL '27 hours' - random() * INTERVAL '13 hours' AS moment
          FROM generate_series(1, 500)) AS expired
"""


@dataclass(frozen=True, slots=True)
class FaultTargets:
    """The parts of the lab that a fault may change."""

    dsn: str  # superuser
    processor: BackgroundLoop
    queues: Queues
    traffic: Traffic
    telemetry: Telemetry
    application: Application


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that lasts while the context `inject` is active."""

    description: str
    inject: Callable[[FaultTargets], AbstractContextManager[None]]


FAULTS: Final[dict[str, Fault]] = {}


def _fault(name: str, description: str) -> Callable[[Callable[[FaultTargets], Iterator[None]]], None]:
    def register(inject: Callable[[FaultTargets], Iterator[None]]) -> None:
        FAULTS[name] = Fault(description, contextmanager(inject))

    return register


@_fault("processor-stalled", "the processor hangs; it reports to be alive and processes no job")
def _processor_stalled(targets: FaultTargets) -> Iterator[None]:
    targets.processor.pause()
    yield
    targets.processor.resume()


@_fault("processor-crashed", "the processor ends; the application continues without it")
def _processor_crashed(targets: FaultTargets) -> Iterator[None]:
    targets.processor.stop()
    targets.telemetry.processor_alive(alive=False)
    yield
    targets.processor.start()
    targets.telemetry.processor_alive(alive=True)


@_fault("poison-rows", "120 jobs that always fail block the head of the outbox")
def _poison_rows(targets: FaultTargets) -> Iterator[None]:
    targets.queues.refused.add(RETIRED_QUEUE)
    _execute(targets.dsn, _POISON.read_text(encoding="utf-8"))
    yield
    targets.queues.refused.discard(RETIRED_QUEUE)


@_fault("slow-processing", "the queue's connection drops; every ten jobs take seven seconds")
def _slow_processing(targets: FaultTargets) -> Iterator[None]:
    targets.queues.dropped_attempts = _DROPPED_ATTEMPTS
    yield
    targets.queues.dropped_attempts = 0


@_fault("failing-initialisations", "four in ten initialisations fail and leave no row")
def _failing_initialisations(targets: FaultTargets) -> Iterator[None]:
    usual = targets.traffic.failing_share
    targets.traffic.failing_share = _FAILING_SHARE
    yield
    targets.traffic.failing_share = usual


@_fault("application-down", "the metrics endpoints refuse connections; counters restart later")
def _application_down(targets: FaultTargets) -> Iterator[None]:
    targets.application.stop()
    yield
    targets.telemetry.reset()
    targets.application.start()


@_fault("database-lock", "another session holds ACCESS EXCLUSIVE on job_outbox")
def _database_lock(targets: FaultTargets) -> Iterator[None]:
    with psycopg.connect(targets.dsn, application_name="lab-lock") as connection:
        connection.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@_fault("cleanup-dead", "the cron jobs are inactive; expired keys of more than 26 hours stay")
def _cleanup_dead(targets: FaultTargets) -> Iterator[None]:
    _execute(targets.dsn, "UPDATE cron.job SET active = false WHERE jobname = ANY(%s)", list(_CLEANUPS))
    _execute(targets.dsn, _OVERDUE)
    yield
    _execute(targets.dsn, "UPDATE cron.job SET active = true WHERE jobname = ANY(%s)", list(_CLEANUPS))
    _execute(targets.dsn, "SELECT cleanup_expired_idempotency_keys()")


def _execute(dsn: str, statement: str, *values: object) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(statement, values or None)
