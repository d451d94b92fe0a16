"""The environment of all measurements: the server, filled databases, traffic, application, Alertmanager."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg

from benchmarks import fill, server
from benchmarks.alertmanager import run_alertmanager
from benchmarks.exporters import Contender
from benchmarks.measure import Testbed, prepare_role
from benchmarks.plan import BenchmarkPlan, Size, Variant
from benchmarks.server import BenchmarkDatabase
from benchmarks.traffic import SteadyTraffic
from exporter.lab.application.server import Application
from exporter.lab.application.telemetry import Telemetry, utc_now
from exporter.lab.postgres.cluster import Cluster

_DOCUMENTED_INDEX: Final = "CREATE INDEX IF NOT EXISTS idx_fsm_events_created ON public.fsm_events (created_at)"
_NO_DOCUMENTED_INDEX: Final = "DROP INDEX IF EXISTS public.idx_fsm_events_created"


class Environment:
    """The server, the filled databases, the stand-in application and Alertmanager; `open_environment` makes it."""

    def __init__(
        self, plan: BenchmarkPlan, cluster: Cluster, application_url: str, alertmanager_url: str, directory: Path
    ) -> None:
        self.plan = plan
        self.cluster = cluster
        self.directory = directory
        self._application_url = application_url
        self._alertmanager_url = alertmanager_url

    @contextmanager
    def testbed(
        self,
        size: Size,
        variant: Variant,
        exporters: Iterable[Contender],
        prepare: Callable[[BenchmarkDatabase], None] = lambda _: None,
    ) -> Iterator[Testbed]:
        """A database of this size and variant for some exporters: up to now, vacuumed, with its backlog and traffic.

        It is a copy of a filled database, changed by `prepare`. A measurement deletes rows everywhere in the tables; in
        the same database the next one would fill these pages and read more of them than in a table in order of time.
        """
        filled = BenchmarkDatabase(self.cluster, f"outbox_{size.jobs}_{size.events}_{size.keys}")
        fill.ensure(filled, size)
        with server.copied(filled, f"outbox_{variant.value}_{size.jobs}") as database:
            for exporter in exporters:
                prepare_role(database, exporter, self.directory)
            prepare(database)
            fill.catch_up(database, size)
            fill.remove_backlog(database)
            self._apply(database, variant)
            fill.vacuum(database)
            fill.add_dead_rows(database, size)
            fill.add_backlog(database, size)
            with (
                SteadyTraffic(database, size),
                psycopg.connect(self.cluster.dsn(), autocommit=True) as observer,
            ):
                observer.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
                yield Testbed(database, observer, self._application_url, self._alertmanager_url, self.directory)

    def _apply(self, database: BenchmarkDatabase, variant: Variant) -> None:
        with database.connect() as connection:
            connection.execute(_DOCUMENTED_INDEX if variant is Variant.DOCUMENTED else _NO_DOCUMENTED_INDEX)
        if variant is Variant.INDEXED:
            database.run_file(self.plan.indexes)


@contextmanager
def open_environment(plan: BenchmarkPlan) -> Iterator[Environment]:
    """The environment while the context is active. Raises: ClusterError, ProgramsNotFoundError, LookupError."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outbox-benchmark-")))
        cluster = stack.enter_context(server.cluster(plan.keep))
        application = stack.enter_context(Application(_telemetry()))
        alertmanager_url = stack.enter_context(run_alertmanager(directory))
        yield Environment(plan, cluster, application.url, alertmanager_url, directory)


def _telemetry() -> Telemetry:
    """The metrics of an application after one event of each kind, so that no series is missing."""
    telemetry = Telemetry()
    telemetry.processor_alive(alive=True)
    telemetry.initialised(85, cached=False)
    telemetry.initialised(3, cached=True)
    telemetry.initialisation_failed("course does not exist")
    telemetry.job_succeeded(1.2)
    telemetry.job_failed("refused")
    for layer in (2, 3):
        telemetry.fell_back(layer, utc_now(), succeeded=False)
    telemetry.polled(10, 25, 1, utc_now())
    return telemetry
