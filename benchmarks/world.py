"""What all turns have in common: the server, filled databases, traffic, the stand-in application."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg

from benchmarks import fill, server
from benchmarks.measure import Arena
from benchmarks.plan import Plan, Size, Variant
from benchmarks.server import Database
from benchmarks.traffic import Traffic
from exporter.lab.application.server import Application
from exporter.lab.application.telemetry import Telemetry, utc_now
from exporter.lab.postgres.cluster import Cluster

_DOCUMENTED_INDEX: Final = "CREATE INDEX IF NOT EXISTS idx_fsm_events_created ON public.fsm_events (created_at)"
_NO_DOCUMENTED_INDEX: Final = "DROP INDEX IF EXISTS public.idx_fsm_events_created"


class World:
    """Everything but the exporters; a context manager by way of `opened`."""

    def __init__(self, plan: Plan, cluster: Cluster, application_url: str, directory: Path) -> None:
        self.plan = plan
        self.cluster = cluster
        self.directory = directory
        self._application_url = application_url

    def filled(self, size: Size) -> Database:
        """A database of this size in the documented schema, up to now, without backlog; kept with the server."""
        database = Database(self.cluster, f"outbox_{size.jobs}_{size.events}_{size.keys}")
        fill.ensure(database, size)
        return database

    @contextmanager
    def in_variant(self, database: Database, size: Size, variant: Variant) -> Iterator[Arena]:
        """An arena in a copy of `database`.

        A round leaves holes all over the tables, which the rows of the next one would fill: they would lie on more
        pages than in a table that fills in the order of time, and the later a round came, the dearer it would be.
        """
        with (
            server.copied(database, f"outbox_{variant.value}") as copy,
            self.arena(copy, size, variant) as arena,
        ):
            yield arena

    @contextmanager
    def arena(self, database: Database, size: Size, variant: Variant) -> Iterator[Arena]:
        """`database` in a schema variant, up to now, vacuumed, with its backlog and with traffic until the end."""
        fill.catch_up(database, size)
        fill.drain(database)
        self._apply(database, variant)
        fill.vacuum(database)
        fill.wear(database, size)
        fill.pend(database, size)
        with (
            Traffic(database, size) as traffic,
            psycopg.connect(self.cluster.dsn(), autocommit=True) as observer,
        ):
            observer.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            yield Arena(database, traffic, observer, self._application_url, self.directory)

    def _apply(self, database: Database, variant: Variant) -> None:
        with database.connect() as connection:
            connection.execute(_DOCUMENTED_INDEX if variant is Variant.DOCUMENTED else _NO_DOCUMENTED_INDEX)
        if variant is Variant.INDEXED:
            database.run_file(self.plan.indexes)


@contextmanager
def opened(plan: Plan) -> Iterator[World]:
    """The world, until the end of the context. Raises: ClusterError, ProgramsNotFoundError."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outbox-benchmark-")))
        cluster = stack.enter_context(server.cluster(plan.keep))
        application = stack.enter_context(Application(_telemetry()))
        yield World(plan, cluster, application.url, directory)


def _telemetry() -> Telemetry:
    """Of an application that has done a bit of everything, so that no series is missing."""
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
