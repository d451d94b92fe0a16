"""PgQueuer: https://pgqueuer.readthedocs.io. A queue is an entrypoint; a job's payload is its argument."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pgqueuer
from pgqueuer.executors import EntrypointExecutorParameters

from exporter.lab.libraries import job


class PgqueuerLibrary:
    """`pgqueuer`, `pgqueuer_log` and a worker."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.Runner()
        self._connection: asyncpg.Connection
        self._queries: pgqueuer.Queries

    def install(self) -> None:
        """Install PgQueuer's schema."""
        self._connection = self._loop.run(asyncpg.connect(self._dsn))
        self._queries = pgqueuer.Queries(pgqueuer.AsyncpgDriver(self._connection))
        self._loop.run(self._queries.install())

    def enqueue(self, queue: str, fails_until: float, delay: int) -> None:
        """Enqueue a job."""
        self._loop.run(self._queries.enqueue(queue, str(fails_until).encode(), execute_after=timedelta(seconds=delay)))

    def close(self) -> None:
        """End the connections."""
        self._loop.run(self._connection.close())
        self._loop.close()

    def work(self) -> None:
        """Run PgQueuer's worker, as `pgq run` does. It looks for retries that are due every second."""
        self._loop.run(pgqueuer.run(self._worker, dequeue_timeout=timedelta(seconds=1)))

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[pgqueuer.PgQueuer]:
        worker = pgqueuer.PgQueuer(pgqueuer.AsyncpgDriver(await asyncpg.connect(self._dsn)))
        for queue in job.QUEUES:
            # "hold" keeps a job that failed for good, so that it can be counted.
            worker.entrypoint(queue, on_failure="hold", executor_factory=_retrying)(_attempt)
        yield worker


def _retrying(parameters: EntrypointExecutorParameters) -> pgqueuer.DatabaseRetryEntrypointExecutor:
    wait = timedelta(seconds=job.RETRY_SECONDS)
    # It counts the attempts before the present one.
    return pgqueuer.DatabaseRetryEntrypointExecutor(
        parameters, max_attempts=job.ATTEMPTS - 1, initial_delay=wait, max_delay=wait
    )


async def _attempt(queued: pgqueuer.Job) -> None:
    await asyncio.sleep(job.duration())
    job.finish(float(queued.payload or b""))
