"""Chancy: https://tkte.ch/chancy."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from chancy import Chancy, Job, Queue, Worker
from chancy.plugins.retry import RetryPlugin

from exporter.lab.libraries import job

_RETRY: Final = {
    "retry_settings": {
        "backoff": job.RETRY_SECONDS,
        "backoff_factor": 1,
        "backoff_limit": job.RETRY_SECONDS,
        "backoff_jitter": [0, 0],
    }
}


class ChancyLibrary:
    """`chancy_jobs` and a worker."""

    def __init__(self, dsn: str) -> None:
        # Without a logger, Chancy configures one of its own.
        self._app = Chancy(dsn, plugins=[RetryPlugin()], log=logging.getLogger("chancy"))

    def install(self) -> None:
        """Migrate Chancy's tables, and declare the queues."""
        asyncio.run(self._migrate())
        self._app.sync_pool.open()

    def enqueue(self, queue: str, fails_until: float, delay: int) -> None:
        """Push a job."""
        due = datetime.now(UTC) + timedelta(seconds=delay)
        new = Job.from_func(attempt, kwargs={"fails_until": fails_until}, max_attempts=job.ATTEMPTS, meta=_RETRY)
        self._app.sync_push(new.with_queue(queue).with_scheduled_at(due) if delay else new.with_queue(queue))

    def close(self) -> None:
        """End the connections."""
        self._app.sync_pool.close()

    def work(self) -> None:
        """Run Chancy's worker."""
        asyncio.run(self._work())

    async def _migrate(self) -> None:
        async with self._app:
            await self._app.migrate()
            for queue in job.QUEUES:
                await self._app.declare(Queue(queue, executor=Chancy.Executor.Async, polling_interval=1))

    async def _work(self) -> None:
        async with self._app, Worker(self._app) as worker:
            await worker.wait_for_shutdown()


async def attempt(*, fails_until: float) -> None:
    """Run a job. Public, because Chancy finds it by its name. Raises: JobFailedError."""
    await asyncio.sleep(job.duration())
    job.finish(fails_until)
