"""Our exporter under conditions that its budget is for: a huge backlog, a query that has become slow."""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from benchmarks import scrape, sqlfile, statements
from benchmarks.exporters import Exporter
from benchmarks.health import Chronicle, Health
from benchmarks.measure import Arena, turn, watch
from benchmarks.plan import Plan, Size
from benchmarks.server import Database, copied
from benchmarks.statements import Cost
from benchmarks.world import World
from exporter.lab.ports import LOOPBACK

BUDGET: Final = 0.01  # config.example.yaml, sampling.budget_ratio: of wall time, for each collector
_PENDING: Final = "outbox_pending_jobs"
_START: Final = 30.0  # seconds for the exporter to listen
_GLANCE: Final = 1.0  # seconds between looks: more often than any collector runs


@dataclass(frozen=True, slots=True)
class Stress:
    """What a stretch under stress has shown.

    Attributes:
        title: what was wrong.
        seconds: from the start of the exporter to the end.
        health: of each collector.
        statements: of the exporter, the one with most buffers first.
        errors: statements that failed, whose cost is in `health` but not in `statements`.
        pending: jobs as /metrics had them at the end.
    """

    title: str
    seconds: float
    health: tuple[Health, ...]
    statements: tuple[Cost, ...]
    errors: int
    pending: float


def backlog(world: World, exporter: Exporter) -> Stress:
    """A million pending jobs, or what the plan says."""
    plan = world.plan
    size = replace(plan.size, pending=plan.backlog)
    with copied(world.filled(plan.size), "outbox_backlog") as database, _arena(world, database, size) as arena:
        return _observe(arena, exporter, _title(plan, f"{size.pending:,} pending jobs"), plan.pace.backlog_minutes)


def slow(world: World, exporter: Exporter) -> Stress:
    """Every question to fsm_events sleeps."""
    plan = world.plan
    with copied(world.filled(plan.size), "outbox_slow") as database:
        _slow_down(database, plan.sleep)
        with _arena(world, database, plan.size) as arena:
            title = _title(plan, f"every read of fsm_events sleeps {plan.sleep:g} s")
            return _observe(arena, exporter, title, plan.pace.minutes)


def _arena(world: World, database: Database, size: Size) -> AbstractContextManager[Arena]:
    return world.arena(database, size, world.plan.variants[0])


def _title(plan: Plan, what: str) -> str:
    return f"{what}, schema: {plan.variants[0].value}"


def _observe(arena: Arena, exporter: Exporter, title: str, minutes: float) -> Stress:
    log = arena.database.server.log
    offset = log.stat().st_size
    with turn(arena, exporter) as now:
        chronicle = Chronicle(time.time())
        scrape.wait_until_complete(now.port, (), now.started + _START)
        watch(arena, now, now.started + 60 * minutes, _GLANCE, lambda text: _note(chronicle, text))
        return Stress(
            title=title,
            seconds=time.monotonic() - now.started,
            health=chronicle.health(),
            statements=tuple(statements.costs(arena.observer, exporter.role)),
            errors=statements.errors(log, exporter.role, offset),
            pending=sum(one.value for one in scrape.samples(scrape.scrape(now.port)) if one.name == _PENDING),
        )


def _note(chronicle: Chronicle, text: str) -> None:
    chronicle.note(scrape.samples(text), time.time())


def _slow_down(database: Database, seconds: float) -> None:
    places = {"host": LOOPBACK, "port": str(database.server.port), "database": database.name, "seconds": seconds}
    with database.connect() as connection:
        connection.execute(sqlfile.load("slow_archive").format(**places))
