"""Our exporter under conditions that its budget is for: a huge backlog, a query that has become slow."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

from benchmarks import scrape, sqlfile, statements
from benchmarks.exporters import Exporter
from benchmarks.health import Chronicle, Health
from benchmarks.measure import turn, watch
from benchmarks.plan import Size
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
    size = replace(world.plan.size, pending=world.plan.backlog)
    with copied(world.filled(world.plan.size), "outbox_backlog") as database:
        return _observe(world, exporter, database, size, f"{size.pending:,} pending jobs")


def slow(world: World, exporter: Exporter) -> Stress:
    """Every question to fsm_events sleeps."""
    size = world.plan.size
    with copied(world.filled(size), "outbox_slow") as database:
        _slow_down(database, world.plan.sleep)
        return _observe(world, exporter, database, size, f"every read of fsm_events sleeps {world.plan.sleep:g} s")


def _observe(world: World, exporter: Exporter, database: Database, size: Size, title: str) -> Stress:
    variant, log = world.plan.variants[0], database.server.log
    with world.arena(database, size, variant) as arena:
        offset = log.stat().st_size
        with turn(arena, exporter) as now:
            chronicle = Chronicle(time.time())
            scrape.wait_until_complete(now.port, (), now.started + _START)
            until = now.started + 60 * world.plan.pace.minutes
            watch(arena, now, until, _GLANCE, lambda text: _note(chronicle, text))
            return Stress(
                title=f"{title}, schema: {variant.value}",
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
