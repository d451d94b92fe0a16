"""The right alerts fire for a real library's outbox: for a dead worker, for poison jobs, and for nothing else.

The rows are those that the library wrote. What follows is evaluated on a clock of its own: when nothing runs any more,
rows stay as they are, and only their ages grow.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pytest

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.rule_group import RuleGroup
from alerts.model import Severity
from alerts.policy.load import configured_policy
from alerts.promql.storage import Sample
from exporter.config.settings import Config
from exporter.metrics.availability import collectors
from exporter.metrics.readings import Distribution, Reading
from tests.outbox.lives.bullmq import Life as BullmqLife
from tests.outbox.lives.chancy import ChancyLife
from tests.outbox.lives.django_outbox_pattern import DjangoOutboxPatternLife
from tests.outbox.lives.graphile_worker import Life as GraphileWorkerLife
from tests.outbox.lives.pg_boss import Life as PgBossLife
from tests.outbox.lives.pg_transactional_outbox import Life as PgTransactionalOutboxLife
from tests.outbox.lives.pgqueuer import DeletingPgqueuerLife, PgqueuerLife
from tests.outbox.lives.procrastinate import ProcrastinateLife
from tests.outbox.test_lives import Monitored
from tests.postgres import temporary

pytestmark = pytest.mark.timeout(300)

EXHAUSTED, GROWING = ("OutboxJobsExhausted", "ticket"), ("OutboxJobsExhaustedGrowing", "ticket")
FAILURES = ("OutboxFailureRatioHigh", "ticket")
# Some do not tell when an attempt failed, or that a job was processed; one deletes the jobs that it gives up.
POISON = {
    ProcrastinateLife: {EXHAUSTED, GROWING, FAILURES},
    PgqueuerLife: {EXHAUSTED, GROWING, FAILURES},
    DeletingPgqueuerLife: {FAILURES},
    ChancyLife: {EXHAUSTED, GROWING, FAILURES},
    DjangoOutboxPatternLife: {EXHAUSTED, GROWING},
    PgBossLife: {EXHAUSTED, GROWING, FAILURES},
    GraphileWorkerLife: {EXHAUSTED, GROWING},
    PgTransactionalOutboxLife: {EXHAUSTED, GROWING},
    BullmqLife: {EXHAUSTED, GROWING, FAILURES},
}
DEAD_WORKER = {
    ("OutboxStalled", "page"),
    ("OutboxJobsWaitingLong", "page"),
    ("OutboxJobsWaitingLong", "ticket"),
}
INTERVAL = 30.0
COMMON = (("instance", "localhost:9721"), ("job", "outbox-exporter"))


class Evaluated:
    """The exporter's own evaluation of the samples that a life leaves behind."""

    def __init__(self, config: Config) -> None:
        self._rules = RuleGroup(configured_policy(config))
        self._collectors = collectors(config.outbox.mapping()) - {"application"}
        self._at = time.time()

    def over(self, readings: list[Reading | Distribution], minutes: float) -> set[tuple[str, str]]:
        """The alerts that fire, by name and severity, while these readings stay as they are for so many minutes."""
        found: set[tuple[str, str]] = set()
        for _ in range(int(minutes * 60 / INTERVAL)):
            self._at += INTERVAL
            samples = [*exposed(readings), *self._health()]
            evaluation = self._rules.evaluate(ClockReading(self._at, INTERVAL), samples, self._collectors)
            assert not self._rules.failures
            found |= {
                (alert.key.alert, str(alert.key.severity))
                for alert in evaluation.firing
                if alert.key.severity is not Severity.NONE
            }
        return found

    def _health(self) -> Iterator[Sample]:
        yield "outbox_up", COMMON, 1.0
        yield "up", COMMON, 1.0
        for name in self._collectors:
            labels = tuple(sorted((*COMMON, ("collector", str(name)))))
            yield "outbox_collector_success", labels, 1.0
            yield "outbox_collector_last_success_timestamp_seconds", labels, self._at
            yield "outbox_collector_interval_seconds", labels, INTERVAL


def exposed(readings: list[Reading | Distribution]) -> Iterator[Sample]:
    """The samples of a scrape."""
    for each in readings:
        labels = (*COMMON, *zip(each.metric.labels, each.labels, strict=True))
        if isinstance(each, Reading):
            yield each.metric.name, tuple(sorted(labels)), float(each.value)
            continue
        bounds = [*map(str, map(float, each.bounds)), "+Inf"]
        for bound, count in zip(bounds, accumulate(each.counts), strict=True):
            yield f"{each.metric.name}_bucket", tuple(sorted((*labels, ("le", bound)))), float(count)
        yield f"{each.metric.name}_count", tuple(sorted(labels)), float(sum(each.counts))
        yield f"{each.metric.name}_sum", tuple(sorted(labels)), float(each.total)


@pytest.fixture(params=tuple(POISON), ids=lambda life: life.__name__ if life.__name__ != "Life" else life.profile)
def monitored(request: Any, embedded: Any) -> Iterator[Monitored]:
    with temporary(embedded) as database:
        life = request.param(database.dsn())
        life.truth()  # its tables are there
        monitored = Monitored(life, database)
        try:
            yield monitored
        finally:
            monitored.close()


def test_alerts(monitored):
    """A healthy outbox, then poison jobs, then a dead worker."""
    life, evaluated = monitored.life, Evaluated(monitored.config)
    for queue in ("mail", "pdf", "mail"):
        life.enqueue(queue, "succeed")
    life.schedule("pdf")
    monitored.readings()  # counters begin
    life.run(3)
    assert evaluated.over(monitored.readings(), 45) == set()

    for _ in range(20):
        life.enqueue("mail", "fail")
    for _ in range(4):
        life.run(25)
    assert evaluated.over(monitored.readings(), 45) == POISON[type(life)]

    life.prune()
    life.enqueue("pdf", "succeed")
    assert evaluated.over(monitored.readings(), 45) - POISON[type(life)] == DEAD_WORKER
