"""One exporter's turn: started, watched while it watches, weighed, driven hard, ended."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from benchmarks import load, scrape, statements
from benchmarks.documented import INTERVAL
from benchmarks.exporters import MONITOR, Assignment, Exporter
from benchmarks.load import Load
from benchmarks.plan import SETUP
from benchmarks.process import Running
from benchmarks.server import Database
from benchmarks.statements import Cost
from benchmarks.traffic import Traffic
from exporter.lab.ports import free_port

_log = logging.getLogger(__name__)
_TICK: Final = 1.0  # seconds between looks at the sessions
_COMPLETE_WITHIN: Final = 120.0  # seconds; a cold cache and two cores may need their time
_CLIENTS: Final = (1, 8)


@dataclass(frozen=True, slots=True)
class Arena:
    """Where exporters take their turns.

    Attributes:
        database: filled, with its schema variant.
        traffic: under way in it.
        observer: a superuser's session in another database, so that it does not count itself.
        application_url: the stand-in application.
        directory: for files of the exporters.
    """

    database: Database
    traffic: Traffic
    observer: psycopg.Connection
    application_url: str
    directory: Path


@dataclass(frozen=True, slots=True)
class Result:
    """What one exporter cost and gave.

    Attributes:
        minutes: that the database's figures cover, from the start of the process on.
        statements: all of them, the one with most buffers first.
        transactions: of the exporter, per minute.
        connections: made since its start; backends: the most that it had at once.
        errors: statements that failed, whose cost is not in `statements`.
        first_values: seconds from the start of the process until every database value was on /metrics.
        processor: seconds of processor time per minute while scraped every 15 s, the start left out.
        resident: bytes at the end of these minutes; resident_driven: after the latency measurement.
        series, size: number and bytes of a scrape.
        loads: latency, for each number of clients.
    """

    exporter: str
    version: str
    minutes: float
    statements: tuple[Cost, ...]
    transactions: float
    connections: int
    backends: int
    errors: int
    first_values: float
    processor: float
    resident: int
    resident_driven: int
    series: int
    size: int
    loads: tuple[Load, ...]

    @property
    def total(self) -> Cost:
        """All statements together."""
        return statements.total(self.statements)

    def per_minute(self, count: float) -> float:
        """A count over all of the time as one per minute."""
        return count / self.minutes


Glance = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """A running exporter and where it serves."""

    exporter: Exporter
    running: Running
    port: int
    started: float


def prepare_role(database: Database, role: str) -> None:
    """A role that may read the three tables: ours as our script makes it, others past row security."""
    if role == MONITOR:
        database.run_file(SETUP / "monitoring_role.sql")
        return
    name = sql.Identifier(role)
    with database.connect() as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS").format(name))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
        connection.execute(
            sql.SQL("GRANT SELECT ON public.job_outbox, public.fsm_events, public.idempotency_keys TO {}").format(name)
        )


@contextmanager
def turn(arena: Arena, exporter: Exporter) -> Iterator[Turn]:
    """The exporter, started a moment ago under a role of its own, with everybody's counts at zero."""
    prepare_role(arena.database, exporter.role)
    port = free_port()
    task = Assignment(arena.database.dsn(exporter.role), arena.application_url, port, arena.directory)
    start = exporter.start(task)
    statements.reset(arena.observer)
    started = time.monotonic()
    with Running(start, arena.directory / f"{exporter.name}.log") as running:
        yield Turn(exporter, running, port, started)


def measure(arena: Arena, exporter: Exporter, minutes: float, requests: int, seconds: float) -> Result:
    """Everything about one exporter; takes `minutes` and the time that the requests need.

    Raises: RuntimeError when the exporter ends or never gets complete.
    """
    log_offset = arena.database.server.log.stat().st_size
    transactions = _transactions(arena)
    with turn(arena, exporter) as now:
        complete_after = first_values(now)
        used, since = now.running.processor_seconds, time.monotonic()
        backends = watch(arena, now, now.started + 60 * minutes)
        took = (time.monotonic() - now.started) / 60
        processor = (now.running.processor_seconds - used) / (time.monotonic() - since) * 60
        costs = statements.costs(arena.observer, exporter.role)
        transactions = _transactions(arena) - transactions
        text, resident = scrape.scrape(now.port), now.running.resident_bytes
        loads = tuple(load.measure(now.port, clients, requests, seconds) for clients in _CLIENTS if requests)
        result = Result(
            exporter=exporter.name,
            version=exporter.version,
            minutes=took,
            statements=tuple(costs),
            transactions=transactions / took,
            connections=statements.connections(arena.database.server.log, exporter.role, log_offset),
            backends=backends,
            errors=statements.errors(arena.database.server.log, exporter.role, log_offset),
            first_values=complete_after,
            processor=processor,
            resident=resident,
            resident_driven=now.running.resident_bytes,
            series=sum(1 for _ in scrape.samples(text)),
            size=len(text),
            loads=loads,
        )
    _log.info("%s: %.0f buffers/min over %.1f min", exporter.name, result.per_minute(result.total.buffers), took)
    return result


def watch(arena: Arena, now: Turn, until: float, every: float = INTERVAL, glance: Glance | None = None) -> int:
    """Scrapes as Prometheus would until that monotonic time; answers with the most sessions seen at once.

    `glance` gets the text of every scrape. Raises: RuntimeError when the exporter ends.
    """
    most, next_scrape = 0, time.monotonic()
    with scrape.Scraper(now.port) as scraper:
        while time.monotonic() < until:
            if time.monotonic() >= next_scrape:
                text = scraper.scrape()
                next_scrape += every
                if glance is not None:
                    glance(text)
            now.running.check()
            most = max(most, statements.backends(arena.observer, now.exporter.role))
            time.sleep(max(0.0, min(_TICK, until - time.monotonic())))
    return most


def first_values(now: Turn) -> float:
    """Seconds from its start until every database value was on /metrics. Raises: RuntimeError when that never comes."""
    try:
        return scrape.wait_until_complete(now.port, now.exporter.complete, now.started + _COMPLETE_WITHIN) - now.started
    except TimeoutError as error:
        now.running.check()
        raise RuntimeError(f"{now.exporter.name}: {error}") from error


def _transactions(arena: Arena) -> int:
    """Those of the database that are not the traffic's."""
    return statements.transactions(arena.observer, arena.database.name) - arena.traffic.transactions
