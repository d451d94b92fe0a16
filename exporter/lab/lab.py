"""The whole lab: database, application, processor, traffic and clean-up, started and stopped together."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import psycopg

from exporter.lab import migrate, seed_data
from exporter.lab.application.dialects import ApplicationDialect, Envelope
from exporter.lab.application.server import Application
from exporter.lab.application.telemetry import Telemetry, utc_now
from exporter.lab.background import BackgroundLoop, LabConnection
from exporter.lab.faults import FAULTS, FaultTargets
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from exporter.lab.workload.cron import CronRunner
from exporter.lab.workload.processor import MAX_POLL_INTERVAL, Processor
from exporter.lab.workload.queues import Queues
from exporter.lab.workload.traffic import DEFAULT_RATE, Traffic, TrafficScript

_DATABASE: Final = "postgres"
# PostgREST's roles have such a limit too; here it lets a step notice soon that it shall end.
_SESSION: Final = "-c statement_timeout=2s"
_CRON_PAUSE: Final = 1.0  # seconds
# Enough that about every other sample meets a failing job, and too short for one to become exhausted.
_UNREADY_SHARE: Final = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPlan:
    """What kind of lab to build.

    Attributes:
        schema: which variant of the migrated schema.
        dialect: which application answers, and
        envelope: in what.
        token: the bearer token that the application wants; None for none.
        rate: acts of traffic per second; 0 for none.
        seed: of everything that looks like chance.
        longest_pause: seconds between the processor's polls when idle for long.
        with_past: whether the last hour and month have happened.
        fault: what is wrong from the start.
        time_scale: multiplies whatever the processor and its queues wait for, so that a rehearsal with scaled alerts
            has a processor to match.
    """

    schema: Schema = Schema.DOCUMENTED
    dialect: ApplicationDialect = ApplicationDialect.DEPLOYED
    envelope: Envelope = Envelope.JSON
    token: str | None = None
    rate: float = DEFAULT_RATE
    seed: int = 1
    max_poll_interval: float = MAX_POLL_INTERVAL
    with_history: bool = True
    fault: str | None = None
    time_scale: float = 1.0


class Lab:
    """A world with an outbox in it; a context manager.

    Args:
        plan: what kind of lab.
        prepare: called once with the lab, after the migrations and before the first traffic; the place to
            create a monitoring role.
        cluster: the cluster to live in, not created yet; by default an embedded one.
    """

    def __init__(
        self, plan: LabPlan | None = None, prepare: Callable[[Lab], None] | None = None, cluster: Cluster | None = None
    ) -> None:
        self.plan = plan or LabPlan()
        self.cluster = cluster or Cluster.embedded()
        self.telemetry = Telemetry()
        self.queues = Queues(unready_share=_UNREADY_SHARE)
        self.queues.unready_for *= self.plan.time_scale
        self.application = Application(self.telemetry, self.plan.dialect, self.plan.envelope, self.plan.token)
        self._prepare = prepare
        self._running = ExitStack()
        self._faults: dict[str, ExitStack] = {}
        self._fault_targets: FaultTargets | None = None

    @property
    def dsn(self) -> str:
        """The superuser's address of the database."""
        return self.cluster.dsn(dbname=_DATABASE)

    @property
    def application_url(self) -> str:
        """The base of the metrics endpoints."""
        return self.application.url

    def start(self) -> None:
        """Builds the world and sets it in motion, within some two seconds.

        Raises: ClusterError, psycopg.Error or OSError; nothing is left running then.
        """
        try:
            self._running.enter_context(self.cluster)
            courses = self._populate()
            self._fault_targets = self._start_workload(courses)
            if self.plan.fault is not None:
                self.start_fault(self.plan.fault)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends everything at once, within some two seconds; nothing is left of it."""
        self._fault_targets = None
        for name in list(self._faults):
            with suppress(psycopg.Error):  # a fault of a database that is gone needs no undoing
                self.stop_fault(name)
        self._running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def execute(self, statement: Any, parameters: Any = None) -> Sequence[tuple[Any, ...]]:
        """Runs one statement as superuser, committed; returns its rows, if it has any."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def start_fault(self, name: str) -> None:
        """Lets something go wrong until `stop_fault`. Raises: KeyError for an unknown name."""
        if self._fault_targets is None:
            raise RuntimeError("the lab does not run: nothing can go wrong in it")
        if name not in self._faults:
            fault = ExitStack()
            fault.enter_context(FAULTS[name].inject(self._fault_targets))
            self._faults[name] = fault

    def stop_fault(self, name: str) -> None:
        """Ends a fault; without effect when it is not there."""
        if name in self._faults:
            self._faults.pop(name).close()

    def _populate(self) -> list[seed_data.Course]:
        rng = random.Random(self.plan.seed)  # noqa: S311 - a story, not a secret
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            migrate.apply(connection, self.plan.schema)
            if self._prepare is not None:
                self._prepare(self)
            courses = seed_data.create_courses(connection, rng)
            if self.plan.with_history:
                seed_data.insert_history(connection, rng)
        return courses

    def _start_workload(self, courses: list[seed_data.Course]) -> FaultTargets:
        service, user, own = self._link("service_role"), self._link("authenticated"), self._link("service_role")
        traffic = Traffic(service, user, courses, self.telemetry, TrafficScript(self.plan.seed))
        processor = Processor(own, self.queues, self.telemetry, self.plan.max_poll_interval)
        polling = BackgroundLoop("processor", lambda: processor.poll() * self.plan.time_scale, own)
        processor.rest = lambda seconds: polling.rest(seconds * self.plan.time_scale)
        loops = [polling, self._cron()]
        if self.plan.rate > 0:
            traffic.rate = self.plan.rate
            loops.append(BackgroundLoop("traffic", traffic.step, service, user))
        self._start(loops)
        return FaultTargets(self.dsn, polling, self.queues, traffic, self.telemetry, self.application)

    def _start(self, loops: list[BackgroundLoop]) -> None:
        for loop in loops:
            self._running.callback(loop.stop)
            loop.start()
        self.telemetry.processor_alive(alive=True)
        self._running.enter_context(self.application)
        for loop in loops:  # unwound first: all are told before any is waited for
            self._running.callback(loop.request_stop)

    def _cron(self) -> BackgroundLoop:
        link = LabConnection(self.dsn)
        runner = CronRunner(link, self.cluster.dsn, utc_now())

        def run_due() -> float:
            runner.run_due(utc_now())
            return _CRON_PAUSE

        return BackgroundLoop("cron", run_due, link)

    def _link(self, role: str) -> LabConnection:
        return LabConnection(self.cluster.dsn(role, _DATABASE), options=_SESSION, application_name="course-application")
