"""What goes wrong, and what has to arrive: the rows of the fault matrix."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from alerts.model import RuleKey
from exporter.lab.faults import RETIRED_QUEUE
from exporter.lab.processor import LONGEST_PAUSE
from tests.matrix.pace import HOUR, INTERVAL, SCALE, minutes, page, ticket
from tests.matrix.world import World, let_in
from tests.proxy import Mode

# A batch of ten jobs waits so long for its queue, in rehearsed minutes: jobs take between that and twice that.
_SLOW: Final = 1.25
# The longest that the processor waits before it looks again, and what it hands over at once.
_POLL: Final = LONGEST_PAUSE * SCALE
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
_CLOSED: Final = """
    DROP POLICY outbox_monitor_read ON job_outbox;
    DROP POLICY outbox_monitor_read ON idempotency_keys;
    DROP POLICY outbox_monitor_read ON fsm_events;
"""


class MachineTooSlowError(Exception):
    """What was to happen did not, because the machine had no time for it: to be tried again."""


@dataclass(frozen=True, slots=True)
class Fault:
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
    happens: Callable[[World], AbstractContextManager[None]]
    expected: frozenset[RuleKey] = frozenset()
    also: frozenset[RuleKey] = frozenset()
    after: float = 0.0
    lasts: float = 0.0
    echo: float = minutes(2)


def _of_the_lab(name: str) -> Callable[[World], AbstractContextManager[None]]:
    @contextmanager
    def happens(world: World) -> Iterator[None]:
        world.lab.start_fault(name)
        try:
            yield
        finally:
            world.lab.stop_fault(name)

    return happens


@contextmanager
def _one_poison_row(world: World) -> Iterator[None]:
    world.lab.queues.refused.add(RETIRED_QUEUE)
    _create_jobs(world, 1, RETIRED_QUEUE)
    yield
    world.lab.queues.refused.discard(RETIRED_QUEUE)


@contextmanager
def _poison_rows(world: World) -> Iterator[None]:
    # A processor at thirty times its pace would keep two cores busy with nothing but failing.
    usual, world.lab.queues.latency = world.lab.queues.latency, 1.0
    with _of_the_lab("poison-rows")(world):
        yield
    world.lab.queues.latency = usual


@contextmanager
def _slow_queue(world: World) -> Iterator[None]:
    usual, world.lab.queues.latency = world.lab.queues.latency, _SLOW * 60
    _create_jobs(world, _BATCH)
    yield
    world.lab.queues.latency = usual


@contextmanager
def _burst(world: World) -> Iterator[None]:
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
def _nothing(world: World) -> Iterator[None]:
    assert world.lab.plan.rate == 0
    yield


@contextmanager
def _database_down(world: World) -> Iterator[None]:
    world.lab.cluster.stop("fast")
    yield
    world.lab.cluster.start()


@contextmanager
def _role_locked_out(world: World) -> Iterator[None]:
    world.lab.execute(_CLOSED)
    yield
    let_in(world.lab)


@contextmanager
def _index_dropped(world: World) -> Iterator[None]:
    world.lab.execute("DROP INDEX idx_job_outbox_unprocessed")
    yield
    world.lab.execute(_INDEX)


@contextmanager
def _exporter_killed(world: World) -> Iterator[None]:
    world.kill_exporter()
    yield
    world.start_exporter()


@contextmanager
def _wire_cut(world: World) -> Iterator[None]:
    world.wire.set_mode(Mode.SWALLOW)
    yield
    world.wire.set_mode(Mode.PASS)


def _create_jobs(world: World, number: int, queue: str = "document-processing") -> None:
    """Beside what traffic does: so that it is known when the first of them began to wait."""
    world.lab.execute(_JOBS, (queue, number))


def _nothing_completes(name: str, of_the_lab: str) -> Fault:
    @contextmanager
    def happens(world: World) -> Iterator[None]:
        with _of_the_lab(of_the_lab)(world):
            _create_jobs(world, 1)
            yield

    # It lasts: whoever is woken takes some minutes, and what explains other alerts has to go on until all is drained.
    return Fault(
        name,
        happens,
        frozenset({page("OutboxStalled")}),
        frozenset(
            {
                ticket("OutboxJobsWaitingLong"),
                ticket("OutboxAppUnhealthy"),
                ticket("OutboxHeadBlocked"),  # by a job that its queue was not ready for, at the last poll
            }
        ),
        after=minutes(5),  # the oldest job's age, and as long without a completion
        lasts=minutes(12),
    )


# By world: how many acts of traffic a second it has, and what happens in it one after the other.
Worlds = Mapping[str, tuple[float, tuple[Fault, ...]]]
WORLDS: Final[Worlds] = {
    "stalling": (
        4,
        (
            _nothing_completes("processor stalled", "processor-stalled"),
            _nothing_completes("processor crashed", "processor-crashed"),
        ),
    ),
    "poisoned": (
        2,
        (
            Fault(
                "one poison row",
                _one_poison_row,
                frozenset({ticket("OutboxHeadBlocked"), ticket("OutboxJobsExhausted")}),
                after=_POLL,  # it blocks from its first try on
                lasts=minutes(10),
            ),
            Fault(
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
                lasts=minutes(10),
            ),
        ),
    ),
    "slow": (
        2,
        (
            Fault(
                "slow processing",
                _slow_queue,
                frozenset({ticket("OutboxProcessingSlow")}),
                frozenset({ticket("OutboxJobsWaitingLong")}),
                after=_POLL + minutes(_SLOW),  # until the first slow jobs are done
            ),
        ),
    ),
    "kept": (
        2,
        (
            Fault("clean-up dead", _of_the_lab("cleanup-dead"), frozenset({ticket("OutboxCleanupOverdue")})),
            Fault(
                "index dropped",
                _index_dropped,
                frozenset({ticket("OutboxMigrationBroken")}),
                after=20 * INTERVAL,  # the migration is looked at every five minutes
            ),
            Fault(
                "burst that drains by itself",
                _burst,
                also=frozenset({ticket("OutboxJobsWaitingLong")}),
                lasts=minutes(15),
            ),
        ),
    ),
    "failing": (
        8,
        (
            Fault(
                "failing initialisations",
                _of_the_lab("failing-initialisations"),
                frozenset({page("OutboxFsmFailureRateHigh")}),
                frozenset(
                    {
                        ticket("OutboxFallbacksFrequent"),
                        ticket("OutboxAppUnhealthy"),
                        ticket("OutboxFsmFailureBudgetBurn"),
                    }
                ),
                after=minutes(4),  # ten failures
            ),
        ),
    ),
    "down": (
        4,
        (
            Fault("application down", _of_the_lab("application-down"), frozenset({ticket("OutboxAppUnreachable")})),
            Fault(
                "database down",
                _database_down,
                frozenset({page("OutboxDatabaseUnreachable")}),
                frozenset({ticket("OutboxAppUnhealthy"), ticket("OutboxFsmFailureBudgetBurn")}),
                lasts=minutes(10),
            ),
        ),
    ),
    "quiet": (
        0,
        (
            Fault(
                "table locked",
                _of_the_lab("database-lock"),
                frozenset({page("OutboxSamplesStale")}),
                after=minutes(5),  # the age of the last sample
            ),
            Fault("row-level security against us", _role_locked_out, frozenset({page("OutboxBlind")})),
            Fault("exporter killed", _exporter_killed, frozenset({page("OutboxExporterDown")})),
            Fault("Prometheus cut off from us", _wire_cut, frozenset({page("OutboxExporterDown")}), after=INTERVAL),
        ),
    ),
    "night": (0, (Fault("no traffic for an hour", _nothing, lasts=HOUR),)),
}
