"""Runs one exporter, and measures its cost in the database, its processor time and its memory."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from benchmarks import scrape, statements, usage
from benchmarks.exporters import Contender, ExporterTarget, StartCommand
from benchmarks.process import ExporterProcess
from benchmarks.scrape import Scraper
from benchmarks.server import BenchmarkDatabase
from benchmarks.statements import StatementCost
from exporter.lab.ports import free_port

_log = logging.getLogger(__name__)
_COMPLETE_WITHIN: Final = 120.0  # seconds; enough with a cold cache and two cores
_SCRIPT_ROLE: Final = "outbox_monitor"  # the role that our own set-up script makes


@dataclass(frozen=True, slots=True)
class Testbed:
    """The surroundings of a measurement.

    Attributes:
        database: filled, in a schema variant.
        observer: a superuser's session in another database, so that its own statements are not counted.
        application_url: the stand-in application.
        alertmanager_url: a running Alertmanager.
        directory: for files of the exporters.
    """

    database: BenchmarkDatabase
    observer: psycopg.Connection
    application_url: str
    alertmanager_url: str
    directory: Path


@dataclass(frozen=True, slots=True)
class UsageMark:
    """A monotonic time, and the seconds of processor time that process and health checks have used until then."""

    at: float
    process: float
    health: float


@dataclass(frozen=True, slots=True)
class ExporterResult:
    """The result for one exporter.

    Attributes:
        exporter, version: as in `Contender`.
        build: the build of ours; None for others.
        watching: with a watch and an Alertmanager.
        minutes: the period of the database's values, from the start of the process.
        statements: all of them, the one with most buffers first.
        connections: opened since its start.
        errors: statements that failed, whose cost is not in `statements`.
        first_values: seconds from the start of the process until every database value was on /metrics.
        processor: seconds of processor time per minute with a scrape every 15 s, without the start.
        health: the same of the health checks; None for an exporter that has none.
        unhealthy: failed health checks.
        resident: bytes at the end.
        series, size: number and bytes of a scrape.
    """

    exporter: str
    version: str
    build: str | None
    watching: bool
    minutes: float
    statements: tuple[StatementCost, ...]
    connections: int
    errors: int
    first_values: float
    processor: float
    health: float | None
    unhealthy: int
    resident: int
    series: int
    size: int

    @property
    def total(self) -> StatementCost:
        """All statements together."""
        return statements.total(self.statements)

    @property
    def processor_with_health(self) -> float:
        """Seconds of processor time per minute of the process and its health checks."""
        return self.processor + (self.health or 0.0)

    @property
    def buffers(self) -> float:
        """Buffers per minute."""
        return self.per_minute(self.total.buffers)

    def per_minute(self, count: float) -> float:
        """A count of the whole period, per minute."""
        return count / self.minutes


@dataclass(slots=True)
class ExporterRun:
    """A running exporter; `run_exporter` makes it.

    Attributes:
        started: the monotonic time of its start; log_offset: the size of the server's log then.
        first_values: seconds from its start until every database value was on /metrics; 0 before.
        checked: seconds of processor time of the health checks; unhealthy: how many of them failed.
    """

    exporter: Contender
    testbed: Testbed
    command: StartCommand
    process: ExporterProcess
    port: int
    started: float
    log_offset: int
    scraper: Scraper
    first_values: float = 0.0
    checked: float = 0.0
    unhealthy: int = 0

    def scrape(self) -> str:
        """The text of /metrics. Raises: RuntimeError when the process has ended; OSError, http.client.HTTPException."""
        self.process.check()
        return self.scraper.scrape()

    def use(self, command: tuple[str, ...]) -> usage.CommandUsage:
        """Runs a command beside the exporter, with its environment."""
        return usage.run(replace(self.command, command=command))

    def check_health(self) -> usage.CommandUsage:
        """Runs the health check of a build of ours once.

        A container has only this exporter. Here are several, so its process id is an argument.
        """
        command = self.exporter.shipped.health_check if self.exporter.shipped else ()
        used = self.use((*command, str(self.process.pid)))
        self.checked += used.seconds
        self.unhealthy += used.status != 0
        return used

    def start_watch(self) -> None:
        """Starts the watch where it is wanted. Raises: RuntimeError when that fails."""
        shipped = self.exporter.shipped
        if shipped and shipped.watching and self.use((*shipped.entrypoint, "watch", "start")).status != 0:
            raise RuntimeError(f"{self.exporter.name}: the watch did not start")

    def wait_for_values(self) -> None:
        """Waits until every database value is on /metrics. Raises: RuntimeError when that does not happen."""
        complete, process = self.exporter.complete, self.process
        now = scrape.wait_until_complete(self.port, complete, _COMPLETE_WITHIN, process.check)
        self.first_values = now - self.started

    def mark(self) -> UsageMark:
        """What it has used so far. Raises: RuntimeError when the process has ended, whose time would be 0."""
        self.process.check()
        return UsageMark(time.monotonic(), self.process.processor_seconds, self.checked)

    def result(self, since: UsageMark) -> ExporterResult:
        """The result: processor time since a mark, the database's values since the start."""
        now, exporter, log = self.mark(), self.exporter, self.testbed.database.server.log
        minutes, shipped, text = (now.at - since.at) / 60, self.exporter.shipped, self.scrape()
        return ExporterResult(
            exporter=exporter.name,
            version=exporter.version,
            build=shipped.build if shipped else None,
            watching=bool(shipped and shipped.watching),
            minutes=(now.at - self.started) / 60,
            statements=tuple(statements.costs(self.testbed.observer, exporter.role)),
            connections=statements.connections(log, exporter.role, self.log_offset),
            errors=statements.errors(log, exporter.role, self.log_offset),
            first_values=self.first_values,
            processor=(now.process - since.process) / minutes,
            health=(now.health - since.health) / minutes if shipped else None,
            unhealthy=self.unhealthy,
            resident=self.process.resident_bytes,
            series=sum(1 for _ in scrape.samples(text)),
            size=len(text),
        )


@contextmanager
def run_exporter(testbed: Testbed, exporter: Contender) -> Iterator[ExporterRun]:
    """Starts the exporter, whose role exists; does not wait for it."""
    port = free_port()
    dsn, log_offset = testbed.database.dsn(exporter.role), testbed.database.server.log.stat().st_size
    command = exporter.start(
        ExporterTarget(dsn, testbed.application_url, testbed.alertmanager_url, port, testbed.directory)
    )
    started = time.monotonic()
    with (
        ExporterProcess(command, testbed.directory / f"{exporter.role}.log") as process,
        Scraper(port) as scraper,
    ):
        yield ExporterRun(exporter, testbed, command, process, port, started, log_offset, scraper)


def prepare_role(database: BenchmarkDatabase, exporter: Contender, directory: Path) -> None:
    """Creates its role, which reads the three tables: ours by the script of its build, others with BYPASSRLS.

    The script locks the tables one after the other, so there must be no traffic yet.
    """
    if exporter.shipped:
        script = directory / f"{exporter.role}.sql"
        text = exporter.shipped.role_script.read_text("utf-8")
        script.write_text(text.replace(_SCRIPT_ROLE, exporter.role), "utf-8")
        database.run_file(script)
        return
    name = sql.Identifier(exporter.role)
    with database.connect() as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (exporter.role,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS").format(name))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
        connection.execute(
            sql.SQL("GRANT SELECT ON public.job_outbox, public.fsm_events, public.idempotency_keys TO {}").format(name)
        )
