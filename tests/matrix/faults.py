"""What goes wrong, and what has to arrive: the rows of the fault matrix."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from alerts.model import RuleKey
from exporter.lab.faults import RETIRED_QUEUE
from exporter.lab.workload.processor import MAX_POLL_INTERVAL
from tests.matrix.time_scale import HOUR, INTERVAL, SCALE, minutes, page, ticket
from tests.matrix.world import MonitoredLab, create_monitoring_role
from tests.proxy import Mode

# A batch of ten jobs waits so long for its queue, in rehearsed minutes: jobs take between that and twice that.
_SLOW: Final = 1.25
# The longest that the processor waits before it looks again, and what it hands over at once.
_POLL: Final = MAX_POLL_INTERVAL * SCALE
_BATCH: Final = 10
# More than the critical depth. The lab's processor writes each job by itself, in real time.
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
    """What was to happen did not, because the machine had no time for it: to be tried again."""


@dataclass(frozen=True, slots=True)
class MatrixFault:
    """One row. Units: real seconds.

    Attributes:
        name: for people.
        happens: lets it be for as long as its context lasts.
        expected: exactly the pages that arrive, and tickets that do.
        also: tickets that may arrive beside them: true too, and of no matter here.
        after: how long the condition takes to hold from the fault's beginning, by what the rule is about.
        lasts: how long it goes on at least: to see that nothing else comes.
        echo: for how long to listen once all is calm again, for what it may have left behind.
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
    def inject(world: MonitoredLab) -> Iterator[None]:
        world.lab.start_fault(name)
        try:
            yield
        finally:
            world.lab.stop_fault(name)

    return inject


@contextmanager
def _one_poison_row(world: MonitoredLab) -> Iterator[None]:
    world.lab.queues.refused.add(RETIRED_QUEUE)
    _create_jobs(world, 1, RETIRED_QUEUE)
    yield
    world.lab.queues.refused.discard(RETIRED_QUEUE)


@contextmanager
def _poison_rows(world: MonitoredLab) -> Iterator[None]:
    # A processor at thirty times its pace would keep two cores busy with nothing but failing.
    usual, world.lab.queues.latency = world.lab.queues.latency, 1.0
    with _lab_fault("poison-rows")(world):
        yield
    world.lab.queues.latency = usual


@contextmanager
def _slow_queue(world: MonitoredLab) -> Iterator[None]:
    usual, world.lab.queues.latency = world.lab.queues.latency, _SLOW * 60
    _create_jobs(world, _BATCH)
    yield
    world.lab.queues.latency = usual


@contextmanager
def _burst(world: MonitoredLab) -> Iterator[None]:
    # Its queue takes the first batch only when everybody has seen all of it.
    usual, world.lab.queues.latency = world.lab.queues.latency, 3 * INTERVAL / SCALE
    _create_jobs(world, _BURST)
    time.sleep(3 * INTERVAL)
    world.lab.queues.latency = usual
    began = time.monotonic()
    while world.lab.execute(_BACKLOG)[0][0] > _BURST / 100:
        time.sleep(INTERVAL / 2)
    if time.monotonic() - began > _DRAINS_WITHIN:
        raise MachineTooSlowError
    yield


@contextmanager
def _no_fault(world: MonitoredLab) -> Iterator[None]:
    assert world.lab.plan.rate == 0
    yield


@contextmanager
def _database_down(world: MonitoredLab) -> Iterator[None]:
    world.lab.cluster.stop("fast")
    yield
    world.lab.cluster.start()


@contextmanager
def _policies_dropped(world: MonitoredLab) -> Iterator[None]:
    world.lab.execute(_DROP_POLICIES)
    yield
    create_monitoring_role(world.lab)


@contextmanager
def _index_dropped(world: MonitoredLab) -> Iterator[None]:
    world.lab.execute("DROP INDEX idx_job_outbox_unprocessed")
    yield
    world.lab.execute(_INDEX)


@contextmanager
def _exporter_killed(world: MonitoredLab) -> Iterator[None]:
    world.kill_exporter()
    yield
    world.start_exporter()


@contextmanager
def _connection_cut(world: MonitoredLab) -> Iterator[None]:
    world.proxy.set_mode(Mode.SWALLOW)
    yield
    world.proxy.set_mode(Mode.PASS)


def _create_jobs(world: MonitoredLab, number: int, queue: str = "document-processing") -> None:
    """Beside what traffic does: so that it is known when the first of them began to wait."""
    world.lab.execute(_JOBS, (queue, number))


def _processing_stops(name: str, lab_fault: str) -> MatrixFault:
    @contextmanager
    def inject(world: MonitoredLab) -> Iterator[None]:
        with _lab_fault(lab_fault)(world):
            _create_jobs(world, 1)
            yield

    # It lasts: whoever is woken takes some minutes, and what explains other alerts has to go on until all is drained.
    return MatrixFault(
        name,
        inject,
        frozenset({page("OutboxStalled")}),
        frozenset(
            {
                ticket("OutboxJobsWaitingLong"),
                ticket("OutboxAppUnhealthy"),
                ticket("OutboxHeadBlocked"),  # by a job that its queue was not ready for, at the last poll
            }
        ),
        condition_delay=minutes(5),  # the oldest job's age, and as long without a completion
        minimum_duration=minutes(12),
    )


# By world: how many acts of traffic a second it has, and what happens in it one after the other.
FaultsByLab = Mapping[str, tuple[float, tuple[MatrixFault, ...]]]
FAULTS_BY_LAB: Final[FaultsByLab] = {
    "stalling": (
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
                "one poison row",
                _one_poison_row,
                frozenset({ticket("OutboxHeadBlocked"), ticket("OutboxJobsExhausted")}),
                condition_delay=_POLL,  # it blocks from its first try on
                minimum_duration=minutes(10),
            ),
            MatrixFault(
                "120 poison rows",
                _poison_rows,
                frozenset({page("OutboxHeadBlocked")}),
                frozenset(
                    {
                        ticket("OutboxHeadBlocked"),  # in the end, when fewer than half a batch are left
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
                condition_delay=_POLL + minutes(_SLOW),  # until the first slow jobs are done
            ),
        ),
    ),
    "kept": (
        2,
        (
            MatrixFault("clean-up dead", _lab_fault("cleanup-dead"), frozenset({ticket("OutboxCleanupOverdue")})),
            MatrixFault(
                "index dropped",
                _index_dropped,
                frozenset({ticket("OutboxMigrationBroken")}),
                condition_delay=20 * INTERVAL,  # the migration is looked at every five minutes
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
            MatrixFault("row-level security against us", _policies_dropped, frozenset({page("OutboxBlind")})),
            MatrixFault("exporter killed", _exporter_killed, frozenset({page("OutboxExporterDown")})),
            MatrixFault(
                "Prometheus cut off from us",
                _connection_cut,
                frozenset({page("OutboxExporterDown")}),
                condition_delay=INTERVAL,
            ),
        ),
    ),
    "night": (0, (MatrixFault("no traffic for an hour", _no_fault, minimum_duration=HOUR),)),
}
