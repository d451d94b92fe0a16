"""The lab of another library's outbox: database, traffic through the library's API, and the library's worker."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, Self

import psycopg

from exporter.lab.libraries import process
from exporter.lab.libraries.child import Child
from exporter.lab.libraries.job import ENDED
from exporter.lab.postgres.cluster import Cluster

WORKER_STOPPED: Final = "worker-stopped"
POISON_JOBS: Final = "poison-jobs"

FAULTS: Final = {
    WORKER_STOPPED: "the library's worker has ended after its first jobs; the backlog grows",
    POISON_JOBS: "20 jobs that always fail; the library gives them up after their last attempt",
}


class LibraryLab:
    """A library's outbox on an embedded PostgreSQL; a context manager.

    Args:
        profile: one of `known.NAMES`, whose packages are installed.
        fault: one of `FAULTS`; None for none.
        prepare: called once with the lab, after the library's migrations and before the worker starts.
    """

    def __init__(self, profile: str, fault: str | None, prepare: Callable[["LibraryLab"], None]) -> None:
        self.cluster = Cluster.embedded()
        self._profile = profile
        self._fault = fault
        self._prepare = prepare
        self._running = ExitStack()

    @property
    def dsn(self) -> str:
        """The superuser's connection string."""
        return self.cluster.dsn()

    def __enter__(self) -> Self:
        """Start all parts, until the worker has run a job. Raises: ClusterError, ChildError or psycopg.Error."""
        with ExitStack() as started:
            started.enter_context(self.cluster)
            started.enter_context(self._traffic()).wait_for(process.INSTALLED)
            self._prepare(self)
            worker = started.enter_context(self._child(process.WORKER)).wait_for(ENDED)
            if self._fault == WORKER_STOPPED:
                worker.stop()
            self._running = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End and remove all parts."""
        self._running.close()

    def execute(self, script: str) -> None:
        """Run statements as superuser."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(script.encode())

    def _traffic(self) -> Child:
        return self._child(process.POISON if self._fault == POISON_JOBS else process.TRAFFIC)

    def _child(self, role: str) -> Child:
        return Child(self._profile, self.dsn, role, self.cluster.directory)
