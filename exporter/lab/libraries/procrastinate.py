"""procrastinate: https://procrastinate.readthedocs.io."""

import asyncio
from typing import Final

import procrastinate

from exporter.lab.libraries import job

_TASK: Final = "attempt"


class ProcrastinateLibrary:
    """`procrastinate_jobs` and a worker."""

    def __init__(self, dsn: str) -> None:
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn, min_size=1, max_size=4))
        # It limits the retries, not the attempts.
        retry = procrastinate.RetryStrategy(max_attempts=job.ATTEMPTS - 1, wait=job.RETRY_SECONDS)
        self._app.task(name=_TASK, retry=retry)(_attempt)

    def install(self) -> None:
        """Apply procrastinate's schema."""
        self._app.open()
        self._app.schema_manager.apply_schema()

    def enqueue(self, queue: str, fails_until: float, delay: int) -> None:
        """Defer the task."""
        wait = {"seconds": delay} if delay else None
        self._app.configure_task(_TASK, queue=queue, schedule_in=wait).defer(fails_until=fails_until)

    def close(self) -> None:
        """End the connections."""
        self._app.close()

    def work(self) -> None:
        """Run procrastinate's worker. It looks for retries that are due every second."""
        self._app.run_worker(fetch_job_polling_interval=1.0)


async def _attempt(fails_until: float) -> None:
    await asyncio.sleep(job.duration())
    job.finish(fails_until)
