"""Our exporter under conditions that its budget is made for: a large backlog, a slow query."""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from benchmarks import scrape, statements
from benchmarks.environment import Environment
from benchmarks.exporters import Contender
from benchmarks.health import CollectorHealth, CollectorHistory
from benchmarks.measure import Testbed, run_exporter
from benchmarks.plan import BenchmarkPlan
from benchmarks.schedule import Routine, repeat
from benchmarks.server import BenchmarkDatabase, statement
from benchmarks.statements import StatementCost
from exporter.lab.ports import LOOPBACK

BUDGET: Final = 0.01  # config.example.yaml, sampling.budget_ratio: ratio of wall time, for each collector
_PENDING: Final = "outbox_pending_jobs"
_START: Final = 30.0  # seconds for the exporter to listen
_SCRAPE_INTERVAL: Final = 1.0  # seconds; shorter than the interval of any collector


@dataclass(frozen=True, slots=True)
class StressResult:
    """The result of a measurement under stress.

    Attributes:
        title: the condition.
        seconds: from the start of the exporter to the end.
        health: of each collector.
        statements: of the exporter, the one with most buffers first.
        errors: statements that failed, whose cost is in `health` but not in `statements`.
        pending: jobs on /metrics at the end.
    """

    title: str
    seconds: float
    health: tuple[CollectorHealth, ...]
    statements: tuple[StatementCost, ...]
    errors: int
    pending: float


def backlog(environment: Environment, exporter: Contender) -> StressResult:
    """Measures with the plan's number of pending jobs."""
    plan = environment.plan
    size = replace(plan.size, pending=plan.backlog)
    with environment.testbed(size, plan.variants[0], [exporter]) as testbed:
        return _observe(
            testbed, exporter, _title(plan, f"{size.pending:,} pending jobs"), plan.durations.backlog_minutes
        )


def slow(environment: Environment, exporter: Contender) -> StressResult:
    """Measures with a table fsm_events that takes `sleep` seconds for each read."""
    plan = environment.plan
    slowed = partial(_slow_down, seconds=plan.sleep)
    with environment.testbed(plan.size, plan.variants[0], [exporter], slowed) as testbed:
        title = _title(plan, f"every read of fsm_events sleeps {plan.sleep:g} s")
        return _observe(testbed, exporter, title, plan.durations.minutes)


def _title(plan: BenchmarkPlan, condition: str) -> str:
    return f"{condition}, schema: {plan.variants[0].value}"


def _observe(testbed: Testbed, exporter: Contender, title: str, minutes: float) -> StressResult:
    statements.reset(testbed.observer)
    with run_exporter(testbed, exporter) as run:
        history = CollectorHistory(time.time())
        scrape.wait_until_complete(run.port, (), _START, run.process.check)
        routine = Routine(
            lambda: history.add(scrape.samples(run.scrape()), time.time()), _SCRAPE_INTERVAL, time.monotonic()
        )
        repeat([routine], run.started + 60 * minutes)
        return StressResult(
            title=title,
            seconds=time.monotonic() - run.started,
            health=history.health(),
            statements=tuple(statements.costs(testbed.observer, exporter.role)),
            errors=statements.errors(testbed.database.server.log, exporter.role, run.log_offset),
            pending=sum(one.value for one in scrape.samples(run.scrape()) if one.name == _PENDING),
        )


def _slow_down(database: BenchmarkDatabase, seconds: float) -> None:
    places = {"host": LOOPBACK, "port": str(database.server.port), "database": database.name, "seconds": seconds}
    with database.connect() as connection:
        connection.execute(statement("slow_archive").format(**places))
