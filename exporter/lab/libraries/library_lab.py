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
    """A library's outbox on an embedded PostgreSQL; a context manager. It is empty until `begin`.

    Args:
        profile: one of `known.NAMES`, whose packages are installed.
        fault: one of `FAULTS`; None for none.
        prepare: called once with the lab, after the library's migrations.
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
        """Start PostgreSQL with the library's tables. Raises: ClusterError, ChildError or psycopg.Error."""
        with ExitStack() as started:
            started.enter_context(self.cluster)
            self._traffic = self._child(started, process.POISON if self._fault == POISON_JOBS else process.TRAFFIC)
            self._traffic.wait_for(process.INSTALLED)
            self._prepare(self)
            self._running = started.pop_all()
        return self

    def begin(self) -> None:
        """Start the traffic and the worker, which has run a job then. Raises: ChildError."""
        self._traffic.begin()
        worker = self._child(self._running, process.WORKER).wait_for(ENDED)
        if self._fault == WORKER_STOPPED:
            worker.stop()

    def __exit__(self, *_: object) -> None:
        """End and remove all parts."""
        self._running.close()

    def execute(self, script: str) -> None:
        """Run statements as superuser."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(script.encode())

    def _child(self, parts: ExitStack, role: str) -> Child:
        return parts.enter_context(Child(self._profile, self.dsn, role, self.cluster.directory))
