"""Measures one exporter: cost in the database, processor time, memory and scrape latency."""

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
from benchmarks.exporters import MONITOR, Contender, ExporterTarget
from benchmarks.load import LatencyResult
from benchmarks.plan import SETUP
from benchmarks.process import ExporterProcess
from benchmarks.server import BenchmarkDatabase
from benchmarks.statements import StatementCost
from benchmarks.traffic import SteadyTraffic
from exporter.lab.ports import free_port

_log = logging.getLogger(__name__)
_TICK: Final = 1.0  # seconds between samples of the sessions
_COMPLETE_WITHIN: Final = 120.0  # seconds; enough with a cold cache and two cores
_CLIENTS: Final = (1, 8)


@dataclass(frozen=True, slots=True)
class Testbed:
    """The surroundings of a measurement.

    Attributes:
        database: filled, in a schema variant.
        traffic: running in it.
        observer: a superuser's session in another database, so that its own statements are not counted.
        application_url: the stand-in application.
        directory: for files of the exporters.
    """

    database: BenchmarkDatabase
    traffic: SteadyTraffic
    observer: psycopg.Connection
    application_url: str
    directory: Path


@dataclass(frozen=True, slots=True)
class ExporterResult:
    """The result for one exporter.

    Attributes:
        minutes: the period of the database's values, from the start of the process.
        statements: all of them, the one with most buffers first.
        transactions: of the exporter, per minute.
        connections: opened since its start; backends: the maximum at the same time.
        errors: statements that failed, whose cost is not in `statements`.
        first_values: seconds from the start of the process until every database value was on /metrics.
        processor: seconds of processor time per minute with a scrape every 15 s, without the start.
        resident: bytes at the end of these minutes; resident_driven: after the latency measurement.
        series, size: number and bytes of a scrape.
        loads: latency, for each number of clients.
    """

    exporter: str
    version: str
    minutes: float
    statements: tuple[StatementCost, ...]
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
    loads: tuple[LatencyResult, ...]

    @property
    def total(self) -> StatementCost:
        """All statements together."""
        return statements.total(self.statements)

    def per_minute(self, count: float) -> float:
        """A count of the whole period, per minute."""
        return count / self.minutes


ScrapeCallback = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ExporterRun:
    """A running exporter, its port, and the monotonic time of its start."""

    exporter: Contender
    process: ExporterProcess
    port: int
    started: float


def prepare_role(database: BenchmarkDatabase, role: str) -> None:
    """Creates a role that reads the three tables: ours by our script, others with BYPASSRLS."""
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
def run_exporter(testbed: Testbed, exporter: Contender) -> Iterator[ExporterRun]:
    """Starts the exporter with a role of its own, and resets the statement statistics."""
    prepare_role(testbed.database, exporter.role)
    port = free_port()
    target = ExporterTarget(testbed.database.dsn(exporter.role), testbed.application_url, port, testbed.directory)
    start = exporter.start(target)
    statements.reset(testbed.observer)
    started = time.monotonic()
    with ExporterProcess(start, testbed.directory / f"{exporter.name}.log") as process:
        yield ExporterRun(exporter, process, port, started)


def measure(testbed: Testbed, exporter: Contender, minutes: float, requests: int, seconds: float) -> ExporterResult:
    """Measures for `minutes`, then sends `requests` for at most `seconds` per number of clients.

    Raises: RuntimeError when the exporter ends or its values are never complete.
    """
    log_offset = testbed.database.server.log.stat().st_size
    transactions = _transactions(testbed)
    with run_exporter(testbed, exporter) as run:
        complete_after = first_values(run)
        used, since = run.process.processor_seconds, time.monotonic()
        backends = watch(testbed, run, run.started + 60 * minutes)
        took = (time.monotonic() - run.started) / 60
        processor = (run.process.processor_seconds - used) / (time.monotonic() - since) * 60
        costs = statements.costs(testbed.observer, exporter.role)
        transactions = _transactions(testbed) - transactions
        text, resident = scrape.scrape(run.port), run.process.resident_bytes
        loads = tuple(load.measure(run.port, clients, requests, seconds) for clients in _CLIENTS if requests)
        result = ExporterResult(
            exporter=exporter.name,
            version=exporter.version,
            minutes=took,
            statements=tuple(costs),
            transactions=transactions / took,
            connections=statements.connections(testbed.database.server.log, exporter.role, log_offset),
            backends=backends,
            errors=statements.errors(testbed.database.server.log, exporter.role, log_offset),
            first_values=complete_after,
            processor=processor,
            resident=resident,
            resident_driven=run.process.resident_bytes,
            series=sum(1 for _ in scrape.samples(text)),
            size=len(text),
            loads=loads,
        )
    _log.info("%s: %.0f buffers/min over %.1f min", exporter.name, result.per_minute(result.total.buffers), took)
    return result


def watch(
    testbed: Testbed, run: ExporterRun, until: float, every: float = INTERVAL, on_scrape: ScrapeCallback | None = None
) -> int:
    """Scrapes every `every` seconds until the monotonic time `until`; returns the maximum of sessions at the same time.

    `on_scrape` gets the text of each scrape. Raises: RuntimeError when the exporter ends.
    """
    most, next_scrape = 0, time.monotonic()
    with scrape.Scraper(run.port) as scraper:
        while time.monotonic() < until:
            if time.monotonic() >= next_scrape:
                text = scraper.scrape()
                next_scrape += every
                if on_scrape is not None:
                    on_scrape(text)
            run.process.check()
            most = max(most, statements.backends(testbed.observer, run.exporter.role))
            time.sleep(max(0.0, min(_TICK, until - time.monotonic())))
    return most


def first_values(run: ExporterRun) -> float:
    """Seconds from its start until every database value is on /metrics. Raises: RuntimeError when they never are."""
    try:
        return scrape.wait_until_complete(run.port, run.exporter.complete, run.started + _COMPLETE_WITHIN) - run.started
    except TimeoutError as error:
        run.process.check()
        raise RuntimeError(f"{run.exporter.name}: {error}") from error


def _transactions(testbed: Testbed) -> int:
    """The transactions of the database without those of the traffic."""
    return statements.transactions(testbed.observer, testbed.database.name) - testbed.traffic.transactions
