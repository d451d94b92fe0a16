"""The rows of the fault matrix: the faults, and the alerts that each has to cause."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from alerts.model import RuleKey
from exporter.lab.faults import RETIRED_QUEUE
from exporter.lab.workload.processor import MAX_POLL_INTERVAL
from tests.matrix.monitored_lab import MonitoredLab, create_monitoring_role
from tests.matrix.time_scale import HOUR, INTERVAL, SCALE, minutes, page, ticket
from tests.proxy import Mode

# How long the queue takes for a batch of ten jobs, scaled minutes; processing a job takes once to twice as long.
_SLOW: Final = 1.25
# The longest interval between two polls of the processor, seconds, and the jobs of one batch.
_POLL: Final = MAX_POLL_INTERVAL * SCALE
_BATCH: Final = 10
# More jobs than the critical threshold. The lab's processor updates one job at a time; its speed is not scaled.
_BURST: Final = 1100
_DRAINS_WITHIN: Final = minutes(4)
_INDEX: Final = "CREATE INDEX idx_job_outbox_unprocessed ON public.job_outbox (created_at) WHERE processed_at IS NULL"
_JOBS: Final = """
    INSERT INTO job_outbox (entity_id, queue_name)
    SELECT course.id, %s FROM (SELECT id FROM courses ORDER BY created_at LIMIT 1) AS course, generate_series(1, %s)
"""
_BACKLOG: Final = "SELECT count(*) FROM job_outbox WHERE processed_at IS NULL"
_DROP_POLICIES: Final = """
    DROP POLICY outbox_monitor_read ON job_outbox;
    DROP POLICY outbox_monitor_read ON idempotency_keys;
    DROP POLICY outbox_monitor_read ON fsm_events;
"""


class MachineTooSlowError(Exception):
    """The fault could not be injected as planned on a busy machine; the caller tries again."""


@dataclass(frozen=True, slots=True)
class MatrixFault:
    """One row of the matrix. Units: real, not scaled, seconds.

    Attributes:
        name: as docs/alerting.md names it.
        inject: a context manager; the fault lasts as long as its block.
        expected: the pages that have to arrive, and no other page may; the tickets that have to arrive.
        tolerated: tickets that are true as well and may arrive.
        condition_delay: from the beginning of the fault until the rule's condition holds.
        minimum_duration: how long the fault lasts at least, to see that no other alert arrives.
        settle_time: how long to wait for late alerts after everything is resolved.
    """

    name: str
    inject: Callable[[MonitoredLab], AbstractContextManager[None]]
    expected: frozenset[RuleKey] = frozenset()
    tolerated: frozenset[RuleKey] = frozenset()
    condition_delay: float = 0.0
    minimum_duration: float = 0.0
    settle_time: float = minutes(2)


def _lab_fault(name: str) -> Callable[[MonitoredLab], AbstractContextManager[None]]:
    @contextmanager
    def inject(monitored: MonitoredLab) -> Iterator[None]:
        monitored.lab.start_fault(name)
        try:
            yield
        finally:
            monitored.lab.stop_fault(name)

    return inject


@contextmanager
def _one_poison_row(monitored: MonitoredLab) -> Iterator[None]:
    monitored.lab.queues.refused.add(RETIRED_QUEUE)
    _create_jobs(monitored, 1, RETIRED_QUEUE)
    yield
    monitored.lab.queues.refused.discard(RETIRED_QUEUE)


@contextmanager
def _poison_rows(monitored: MonitoredLab) -> Iterator[None]:
    # At the scaled poll interval the failing attempts would keep two cores busy.
    usual, monitored.lab.queues.latency = monitored.lab.queues.latency, 1.0
    with _lab_fault("poison-rows")(monitored):
        yield
    monitored.lab.queues.latency = usual


@contextmanager
def _slow_queue(monitored: MonitoredLab) -> Iterator[None]:
    usual, monitored.lab.queues.latency = monitored.lab.queues.latency, _SLOW * 60
    _create_jobs(monitored, _BATCH)
    yield
    monitored.lab.queues.latency = usual


@contextmanager
def _burst(monitored: MonitoredLab) -> Iterator[None]:
    # The queue accepts the first batch only after the whole burst was sampled, scraped and evaluated.
    usual, monitored.lab.queues.latency = monitored.lab.queues.latency, 3 * INTERVAL / SCALE
    _create_jobs(monitored, _BURST)
    time.sleep(3 * INTERVAL)
    monitored.lab.queues.latency = usual
    began = time.monotonic()
    while monitored.lab.execute(_BACKLOG)[0][0] > _BURST / 100:
        time.sleep(INTERVAL / 2)
    if time.monotonic() - began > _DRAINS_WITHIN:
        raise MachineTooSlowError
    yield


@contextmanager
def _no_fault(monitored: MonitoredLab) -> Iterator[None]:
    assert monitored.lab.plan.rate == 0
    yield


@contextmanager
def _database_down(monitored: MonitoredLab) -> Iterator[None]:
    monitored.lab.cluster.stop("fast")
    yield
    monitored.lab.cluster.start()


@contextmanager
def _policies_dropped(monitored: MonitoredLab) -> Iterator[None]:
    monitored.lab.execute(_DROP_POLICIES)
    yield
    create_monitoring_role(monitored.lab)


@contextmanager
def _index_dropped(monitored: MonitoredLab) -> Iterator[None]:
    monitored.lab.execute("DROP INDEX idx_job_outbox_unprocessed")
    yield
    monitored.lab.execute(_INDEX)


@contextmanager
def _exporter_killed(monitored: MonitoredLab) -> Iterator[None]:
    monitored.kill_exporter()
    yield
    monitored.start_exporter()


@contextmanager
def _connection_cut(monitored: MonitoredLab) -> Iterator[None]:
    monitored.proxy.set_mode(Mode.SWALLOW)
    yield
    monitored.proxy.set_mode(Mode.PASS)


def _create_jobs(monitored: MonitoredLab, number: int, queue: str = "document-processing") -> None:
    """Creates jobs besides those of the traffic, so that the creation time of the oldest is known."""
    monitored.lab.execute(_JOBS, (queue, number))


def _processing_stops(name: str, lab_fault: str) -> MatrixFault:
    @contextmanager
    def inject(monitored: MonitoredLab) -> Iterator[None]:
        with _lab_fault(lab_fault)(monitored):
            _create_jobs(monitored, 1)
            yield

    # Long enough for an operator to react; the inhibiting alert has to fire until the backlog is drained.
    return MatrixFault(
        name,
        inject,
        frozenset({page("OutboxStalled")}),
        frozenset(
            {
                ticket("OutboxJobsWaitingLong"),
                ticket("OutboxAppUnhealthy"),
                ticket("OutboxHeadBlocked"),  # by a job that the queue did not accept at the last poll
            }
        ),
        condition_delay=minutes(5),  # the oldest job's age, and as long without a processed job
        minimum_duration=minutes(12),
    )


# By lab: its requests a second, and the faults that are injected one after the other.
FaultsByLab = Mapping[str, tuple[float, tuple[MatrixFault, ...]]]
FAULTS_BY_LAB: Final[FaultsByLab] = {
    "stalled": (
        4,
        (
            _processing_stops("processor stalled", "processor-stalled"),
            _processing_stops("processor crashed", "processor-crashed"),
        ),
    ),
    "poisoned": (
        2,
        (
            MatrixFault(
                "one exhausted job",
                _one_poison_row,
                frozenset({ticket("OutboxHeadBlocked"), ticket("OutboxJobsExhausted")}),
                condition_delay=_POLL,  # it blocks from its first attempt on
                minimum_duration=minutes(10),
            ),
            MatrixFault(
                "120 exhausted jobs",
                _poison_rows,
                frozenset({page("OutboxHeadBlocked")}),
                frozenset(
                    {
                        ticket("OutboxHeadBlocked"),  # at the end, when fewer than half a batch are left
                        ticket("OutboxJobsExhausted"),
                        ticket("OutboxFailureRatioHigh"),
                    }
                ),
                minimum_duration=minutes(10),
            ),
        ),
    ),
    "slow": (
        2,
        (
            MatrixFault(
                "slow processing",
                _slow_queue,
                frozenset({ticket("OutboxProcessingSlow")}),
                frozenset({ticket("OutboxJobsWaitingLong")}),
                condition_delay=_POLL + minutes(_SLOW),  # until the first slow jobs are processed
            ),
        ),
    ),
    "housekeeping": (
        2,
        (
            MatrixFault("clean-up stopped", _lab_fault("cleanup-dead"), frozenset({ticket("OutboxCleanupOverdue")})),
            MatrixFault(
                "index dropped",
                _index_dropped,
                frozenset({ticket("OutboxMigrationBroken")}),
                condition_delay=20 * INTERVAL,  # the migration is sampled every five minutes
            ),
            MatrixFault(
                "burst that drains by itself",
                _burst,
                tolerated=frozenset({ticket("OutboxJobsWaitingLong")}),
                minimum_duration=minutes(15),
            ),
        ),
    ),
    "failing": (
        8,
        (
            MatrixFault(
                "failing initialisations",
                _lab_fault("failing-initialisations"),
                frozenset({page("OutboxFsmFailureRateHigh")}),
                frozenset(
                    {
                        ticket("OutboxFallbacksFrequent"),
                        ticket("OutboxAppUnhealthy"),
                        ticket("OutboxFsmFailureBudgetBurn"),
                    }
                ),
                condition_delay=minutes(4),  # ten failures
            ),
        ),
    ),
    "down": (
        4,
        (
            MatrixFault(
                "application down", _lab_fault("application-down"), frozenset({ticket("OutboxAppUnreachable")})
            ),
            MatrixFault(
                "database down",
                _database_down,
                frozenset({page("OutboxDatabaseUnreachable")}),
                frozenset({ticket("OutboxAppUnhealthy"), ticket("OutboxFsmFailureBudgetBurn")}),
                minimum_duration=minutes(10),
            ),
        ),
    ),
    "quiet": (
        0,
        (
            MatrixFault(
                "table locked",
                _lab_fault("database-lock"),
                frozenset({page("OutboxSamplesStale")}),
                condition_delay=minutes(5),  # the age of the last sample
            ),
            MatrixFault("row-level security hides the rows", _policies_dropped, frozenset({page("OutboxBlind")})),
            MatrixFault("exporter killed", _exporter_killed, frozenset({page("OutboxExporterDown")})),
            MatrixFault(
                "Prometheus cannot reach the exporter",
                _connection_cut,
                frozenset({page("OutboxExporterDown")}),
                condition_delay=INTERVAL,
            ),
        ),
    ),
    "no traffic": (0, (MatrixFault("no traffic for an hour", _no_fault, minimum_duration=HOUR),)),
}
