"""The lab: database, application, processor, traffic and cron jobs, started and stopped together."""

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
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
# PostgREST's roles have such a limit as well; here a step ends soon after the lab is stopped.
_SESSION: Final = "-c statement_timeout=2s"
_CRON_PAUSE: Final = 1.0  # seconds
# About every other sample finds a failing job, and no job becomes exhausted.
_UNREADY_SHARE: Final = 0.04


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPlan:
    """The options of a lab.

    Attributes:
        schema: the variant of the migrated schema.
        dialect: the application whose responses are served.
        envelope: the JSON around them.
        token: the bearer token that requests to the application need; None for none.
        rate: events of traffic per second; 0 for none.
        seed: of the random numbers.
        max_poll_interval: seconds between the processor's polls after a long idle time.
        with_history: whether to insert rows of the last hour and month.
        fault: the fault that is injected at the start; None for none.
        time_scale: multiplies all waiting times of the processor and its queues, for tests with scaled alerts.
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
    """An outbox with a database, an application and traffic; a context manager.

    Args:
        plan: the options.
        prepare: called once with the lab, after the migrations and before the first traffic, for instance to create
            the monitoring role.
        cluster: the cluster to use, not created yet; an embedded one by default.
    """

    def __init__(
        self,
        plan: LabPlan | None = None,
        prepare: Callable[["Lab"], None] | None = None,
        cluster: Cluster | None = None,
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
        """The superuser's connection string."""
        return self.cluster.dsn(dbname=_DATABASE)

    @property
    def application_url(self) -> str:
        """The base URL of the metrics endpoints."""
        return self.application.url

    def start(self) -> None:
        """Creates and starts all parts, in about 2 s.

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
        """Ends and removes all parts, in about 2 s."""
        self._fault_targets = None
        for name in list(self._faults):
            with suppress(psycopg.Error):  # the database is gone, and the fault with it
                self.stop_fault(name)
        self._running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def execute(self, statement: Any, parameters: Any = None) -> Sequence[tuple[Any, ...]]:
        """Runs one statement as superuser, committed; returns its rows, if it has any."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def start_fault(self, name: str) -> None:
        """Injects a fault until `stop_fault`. Raises: KeyError for an unknown name."""
        if self._fault_targets is None:
            raise RuntimeError("the lab is not running")
        if name not in self._faults:
            fault = ExitStack()
            fault.enter_context(FAULTS[name].inject(self._fault_targets))
            self._faults[name] = fault

    def stop_fault(self, name: str) -> None:
        """Ends a fault; no effect when it is not active."""
        if name in self._faults:
            self._faults.pop(name).close()

    def _populate(self) -> list[seed_data.Course]:
        rng = random.Random(self.plan.seed)  # noqa: S311 - reproducible, not secret
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            migrate.apply(connection, self.plan.schema)
            if self._prepare is not None:
                self._prepare(self)
            courses = seed_data.create_courses(connection, rng)
            if self.plan.with_history:
                seed_data.insert_history(connection, rng)
                # As autovacuum has long done in an outbox with a past.
                connection.execute("VACUUM (ANALYZE) job_outbox, idempotency_keys, fsm_events")
        return courses

    def _start_workload(self, courses: list[seed_data.Course]) -> FaultTargets:
        service, user, own = map(self._connection, ("service_role", "authenticated", "service_role"))
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
        for loop in loops:  # unwound first: all stop at the same time
            self._running.callback(loop.request_stop)

    def _cron(self) -> BackgroundLoop:
        connection = LabConnection(self.dsn)
        runner = CronRunner(connection, self.cluster.dsn, utc_now())

        def run_due() -> float:
            runner.run_due(utc_now())
            return _CRON_PAUSE

        return BackgroundLoop("cron", run_due, connection)

    def _connection(self, role: str) -> LabConnection:
        return LabConnection(self.cluster.dsn(role, _DATABASE), options=_SESSION, application_name="course-application")
