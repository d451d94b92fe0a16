"""Our exporter under conditions that its budget is for: a huge backlog, a query that has become slow."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

from benchmarks import scrape, sqlfile, statements
from benchmarks.exporters import Exporter
from benchmarks.health import Chronicle, Health
from benchmarks.measure import turn, watch
from benchmarks.plan import Size, Variant
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
        pending: jobs as /metrics had them at the end.
    """

    title: str
    seconds: float
    health: tuple[Health, ...]
    statements: tuple[Cost, ...]
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
    with world.arena(database, size, Variant.DEPLOYED) as arena, turn(arena, exporter) as now:
        chronicle = Chronicle(time.time())
        scrape.wait_until_complete(now.port, (), now.started + _START)
        watch(arena, now, now.started + 60 * world.plan.pace.minutes, _GLANCE, lambda text: _note(chronicle, text))
        seconds = time.monotonic() - now.started
        pending = sum(sample.value for sample in scrape.samples(scrape.scrape(now.port)) if sample.name == _PENDING)
        return Stress(
            title, seconds, chronicle.health(), tuple(statements.costs(arena.observer, exporter.role)), pending
        )


def _note(chronicle: Chronicle, text: str) -> None:
    chronicle.note(scrape.samples(text), time.time())


def _slow_down(database: Database, seconds: float) -> None:
    places = {"host": LOOPBACK, "port": str(database.server.port), "database": database.name, "seconds": seconds}
    with database.connect() as connection:
        connection.execute(sqlfile.load("slow_archive").format(**places))
