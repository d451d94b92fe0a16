"""What is published of a real library's outbox is true: at fifty random moments of its life."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from exporter.adoption.adopt import adopt
from exporter.adoption.recognise import Choice
from exporter.adoption.rendering import as_yaml
from exporter.config.settings import Config, DatabaseSettings, OutboxSettings, SamplingSettings
from exporter.core.types import Seconds, Secret
from exporter.database import statuses
from exporter.metrics.availability import unknown_metrics
from exporter.metrics.readings import Distribution, Reading
from exporter.sampling.collector_set import CollectorSet
from tests.database.roles import MONITOR
from tests.outbox.lives.bullmq import Life as BullmqLife
from tests.outbox.lives.chancy import ChancyLife
from tests.outbox.lives.django_outbox_pattern import DjangoOutboxPatternLife
from tests.outbox.lives.graphile_worker import Life as GraphileWorkerLife
from tests.outbox.lives.life import Life, Truth
from tests.outbox.lives.pg_boss import Life as PgBossLife
from tests.outbox.lives.pg_transactional_outbox import Life as PgTransactionalOutboxLife
from tests.outbox.lives.pgqueuer import DeletingPgqueuerLife, PgqueuerLife
from tests.outbox.lives.procrastinate import ProcrastinateLife
from tests.postgres import Database, temporary

LIVES = (
    ProcrastinateLife,
    PgqueuerLife,
    DeletingPgqueuerLife,
    ChancyLife,
    DjangoOutboxPatternLife,
    PgBossLife,
    GraphileWorkerLife,
    PgTransactionalOutboxLife,
    BullmqLife,
)
QUEUES = ("mail", "pdf")
Published = Mapping[tuple[str, tuple[str, ...]], float]

pytestmark = pytest.mark.timeout(300)


class Monitored:
    """A life, and the exporter beside it: by the role that the script of `adopt` makes."""

    def __init__(self, life: Life, database: Database) -> None:
        self.life = life
        self._database = database
        self.adoption = adopt(_config(database.dsn()), Choice())
        database.execute(self.adoption.role.encode())
        self.config = replace(_config(database.dsn(MONITOR)), outbox=OutboxSettings(profile=life.profile))
        self._collectors = CollectorSet(self.config)
        self._collectors.database.open()

    def close(self) -> None:
        """Close the exporter's connection, and remove its role; the life ends before."""
        self.life.close()
        self._collectors.database.close()
        self._database.execute(self.adoption.remove_role.encode())
        assert not self._database.value("SELECT 1 FROM pg_roles WHERE rolname = 'outbox_monitor'")

    def readings(self) -> list[Reading | Distribution]:
        """Those of one more run of every collector of rows; each has to succeed."""
        return [each for collector in self._collectors.database_collectors for each in collector.collect().readings]

    def unlisted_statuses(self) -> tuple[str, ...]:
        """What is told of values of the status, after an ANALYZE of all rows."""
        self._database.execute(b"ANALYZE")
        with self._collectors.database.sample() as session:
            return statuses.unlisted(session.mapping, statuses.read_known(session))

    def sample(self) -> Published:
        """Every value after one more run."""
        return {
            (each.metric.name, each.labels): sum(each.counts) if isinstance(each, Distribution) else each.value
            for each in self.readings()
        }


def _config(dsn: str) -> Config:
    return Config(
        database=DatabaseSettings(dsn=Secret(dsn), statement_timeout=Seconds(30)), sampling=SamplingSettings()
    )


def steps(rng: random.Random) -> list[str]:
    """Fifty steps of a life, each kind at least twice."""
    kinds = ["succeed", "fail", "retry_later", "schedule", "run", "run", "run", "crash", "cancel", "prune"]
    chosen = [*kinds, *kinds, *rng.choices(["succeed", "fail", "schedule", "run"], (5, 2, 1, 5), k=30)]
    rng.shuffle(chosen)
    return ["succeed", *chosen[:49]]


def take(life: Life, step: str, rng: random.Random) -> None:
    """One step."""
    queue = rng.choice(QUEUES)
    match step:
        case "succeed" | "fail" | "retry_later":
            life.enqueue(queue, step)
        case "schedule":
            life.schedule(queue)
        case "run":
            life.run(rng.randint(1, 4))
        case "crash":
            life.crash(queue)
        case "cancel":
            life.cancel()
        case _:
            life.prune()


def check(found: Published, truth: Truth, unknown: Collection[str], *, may_be_pruned: bool) -> None:
    """Every value is the truth; what the library cannot tell is absent: the metrics that are `unknown`."""
    states = {state: found.get(("outbox_pending_jobs", (state,))) for state in ("waiting", "failing", "exhausted")}
    assert states == {"waiting": truth.waiting, "failing": truth.failing, "exhausted": truth.exhausted}
    for name, value in (("outbox_scheduled_jobs", truth.scheduled), ("outbox_running_jobs", truth.running)):
        assert found.get((name, ())) == (None if name in unknown else value), name
    for state, oldest in (("waiting", truth.oldest_waiting), ("failing", truth.oldest_failing)):
        assert found.get(("outbox_oldest_pending_timestamp_seconds", (state,))) == close(oldest), state
    assert by_queue(found, "outbox_queue_pending_jobs") == truth.by_queue
    if ("outbox_last_hour_processed_jobs", ()) in found or not may_be_pruned:
        assert found.get(("outbox_last_hour_processed_jobs", ())) == truth.processed_last_hour
        for cohort in ("created", "processed"):  # a life is shorter than an hour
            average = found.get(("outbox_last_hour_processing_time_avg_seconds", (cohort,)))
            assert average == close(truth.seconds_avg), cohort
        assert by_queue(found, "outbox_queue_last_hour_processed_jobs") == (truth.processed_by_queue or {})
        assert found.get(("outbox_last_hour_failure_ratio", ())) == close(ratio(truth))
    assert found.get(("outbox_oldest_processed_timestamp_seconds", ())) == close(truth.oldest_processed)
    check_queues(found)


def check_queues(found: Published) -> None:
    """The breakdown by queue adds up."""
    ages = by_queue(found, "outbox_oldest_pending_timestamp_seconds").values()
    assert min(by_queue(found, "outbox_queue_oldest_pending_timestamp_seconds").values(), default=None) == min(
        ages, default=None
    )
    exhausted = found.get(("outbox_pending_jobs", ("exhausted",)))
    assert sum(by_queue(found, "outbox_queue_exhausted_jobs").values()) == (exhausted or 0)


def check_totals(found: Published, truth: Truth, unknown: Collection[str]) -> None:
    """What was counted since the life began: all that it has processed, as long as none of it is pruned."""
    total = None if "outbox_processed_jobs_total" in unknown else truth.processed_last_hour
    assert found.get(("outbox_processed_jobs_total", ())) == total
    timed = None if "outbox_processing_time_seconds" in unknown else total
    assert found.get(("outbox_processing_time_seconds", ())) == timed
    assert by_queue(found, "outbox_queue_processed_jobs_total") == (truth.processed_by_queue or {})


def ratio(truth: Truth) -> float | None:
    """Failing jobs by all that were tried in the last hour."""
    if truth.failing_last_hour is None or truth.processed_last_hour is None:
        return None
    tried = truth.failing_last_hour + truth.processed_last_hour
    return truth.failing_last_hour / tried if tried else None


def close(value: float | None) -> Any:
    """Equal to the millisecond, in which JavaScript counts."""
    return None if value is None else pytest.approx(value, abs=1.1e-3, rel=0)


def by_queue(found: Published, name: str) -> dict[str, float]:
    """The values of a metric by queue."""
    return {labels[0]: value for (each, labels), value in found.items() if each == name}


@pytest.fixture
def monitored(request: Any, embedded: Any) -> Iterator[Monitored]:
    with temporary(embedded) as database:
        life = request.param(database.dsn())
        life.truth()  # its tables are there
        monitored = Monitored(life, database)
        try:
            yield monitored
        finally:
            monitored.close()


@pytest.mark.parametrize("monitored", LIVES, indirect=True, ids=lambda life: life.profile)
def test_every_value_is_true(monitored):
    """After each step of a life: enqueued, run, failed, retried, exhausted, scheduled, cancelled, pruned, crashed.

    `adopt` knows the library, and the role that its script makes sees everything that the exporter reads.
    """
    chosen = monitored.adoption.chosen
    assert chosen is not None
    assert (chosen.profile, chosen.undecided, chosen.assumed) == (monitored.life.profile, (), ())
    assert yaml.safe_load(as_yaml(monitored.adoption, Config())) == {"outbox": {"profile": monitored.life.profile}}
    rng = random.Random(24)
    taken: Counter[str] = Counter()
    unknown = {metric.name for metric in unknown_metrics(monitored.config.outbox.mapping())}
    check(monitored.sample(), monitored.life.truth(), unknown, may_be_pruned=False)
    for number, step in enumerate(steps(rng)):
        take(monitored.life, step, rng)
        taken[step] += 1
        truth, found = monitored.life.truth(), monitored.sample()
        try:
            check(found, truth, unknown, may_be_pruned=bool(taken["prune"] + taken["cancel"]))
            if not taken["prune"]:
                check_totals(found, truth, unknown)
        except AssertionError as error:
            raise AssertionError(f"step {number}, {step}, after {dict(taken)}: {truth}") from error
    assert monitored.unlisted_statuses() == ()
