"""procrastinate: https://procrastinate.readthedocs.io."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import procrastinate
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job
from procrastinate.worker import Worker

from tests.outbox.lives.killed_worker import RUNNING, kill_in_job
from tests.outbox.lives.life import Outcome, Truth

_T = TypeVar("_T")

# It limits the retries: the job runs three times.
_MAX_ATTEMPTS: Final = 2
_EVENTS: Final = """
    SELECT job_id, type::text AS type, extract(epoch FROM at)::float8 AS at,
           at > now() - interval '1 hour' AS in_last_hour
    FROM procrastinate_events WHERE type <> 'scheduled' ORDER BY id
"""


@dataclass(frozen=True)
class _Processed:
    """A job that was processed: when it was created and when it succeeded, in Unix seconds."""

    queue: str
    created: float
    at: float
    in_last_hour: bool


def application(dsn: str) -> procrastinate.App:
    """The tasks, one for each outcome, and `hang`, whose first attempt does not end."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn, min_size=1, max_size=2))

    async def succeed() -> None:
        pass

    async def fail() -> None:
        raise ValueError("poison")

    async def hang(context: JobContext) -> None:
        if context.job.attempts == 0:
            print(RUNNING, flush=True)  # noqa: T201 -- read by kill_in_job
            await asyncio.Event().wait()

    app.task(name="succeed")(succeed)
    app.task(name="fail", retry=procrastinate.RetryStrategy(max_attempts=_MAX_ATTEMPTS))(fail)
    app.task(name="retry_later", retry=procrastinate.RetryStrategy(max_attempts=_MAX_ATTEMPTS, wait=3600))(fail)
    app.task(name="hang", pass_context=True)(hang)
    return app


class ProcrastinateLife:
    """The life of `procrastinate_jobs`."""

    profile = "procrastinate"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.Runner()
        self._app = application(dsn)
        self._cancelled = 0
        self._pruned: list[_Processed] = []
        self._do(self._app.open_async())
        self._do(self._app.schema_manager.apply_schema_async())

    def close(self) -> None:
        """Close the connections."""
        self._do(self._app.close_async())
        self._loop.close()

    def enqueue(self, queue: str, outcome: Outcome) -> None:
        """Defer a task of that name."""
        self._do(self._app.configure_task(outcome, queue=queue).defer_async())

    def schedule(self, queue: str) -> None:
        """Defer a task until tomorrow."""
        self._do(self._app.configure_task("succeed", queue=queue, schedule_in={"days": 1}).defer_async())

    def run(self, jobs: int) -> None:
        """Run a worker, stopped when it has begun so many jobs: it ends them before it stops."""
        begun = 0

        async def count(process: Callable[[], Awaitable[Any]], _: JobContext, worker: Worker) -> Any:
            nonlocal begun
            begun += 1
            if begun == jobs:
                worker.stop()  # type: ignore[no-untyped-call]
            return await process()

        self._do(
            self._app.run_worker_async(
                wait=False, listen_notify=False, install_signal_handlers=False, worker_middleware=[count]
            )
        )

    def crash(self, queue: str) -> None:
        """Retry the jobs of workers that were killed before, as the documentation advises; then kill another."""
        self._do(self._retry_stalled())
        self._do(self._app.configure_task("hang", queue=queue, priority=1).defer_async())
        kill_in_job(__name__, self._dsn, queue)

    def cancel(self) -> None:
        """Cancel the oldest job that waits; its row is deleted every second time."""
        manager = self._app.job_manager
        for job in list(self._do(manager.list_jobs_async(status="todo")))[:1]:
            assert job.id is not None
            self._do(manager.cancel_job_by_id_async(job.id, delete_job=self._cancelled % 2 == 1))
            self._cancelled += 1

    def prune(self) -> None:
        """Delete the jobs that have succeeded, however recently."""
        self._pruned += self._do(self._processed())
        self._do(self._app.job_manager.delete_old_jobs(nb_hours=0))

    def truth(self) -> Truth:
        """The jobs by procrastinate's API, their times by its table of events.

        The figures of the last hour have the deleted jobs, too.
        """
        return self._do(self._truth())

    async def _truth(self) -> Truth:
        jobs = list(await self._app.job_manager.list_jobs_async())
        events = await self._app.connector.execute_query_all_async(_EVENTS)
        states = {job.id: _state(job) for job in jobs}
        counts = Counter(states.values())
        created = {each["job_id"]: each["at"] for each in events if each["type"] == "deferred"}
        due = {job.id: max(created[job.id], job.scheduled_at.timestamp() if job.scheduled_at else 0) for job in jobs}
        kept = await self._processed()
        processed = [each for each in [*self._pruned, *kept] if each.in_last_hour]
        failed = {each["job_id"] for each in events if each["type"] in {"deferred_for_retry", "failed"}}
        unprocessed = {job for job, state in states.items() if state in {"failing", "exhausted", "scheduled"}}
        return Truth(
            waiting=counts["waiting"],
            failing=counts["failing"],
            exhausted=counts["exhausted"],
            scheduled=counts["scheduled"],
            running=counts["running"],
            oldest_waiting=min((due[job] for job, state in states.items() if state == "waiting"), default=None),
            oldest_failing=min((due[job] for job, state in states.items() if state == "failing"), default=None),
            by_queue=dict(Counter(job.queue for job in jobs if states[job.id] in {"waiting", "failing", "exhausted"})),
            processed_last_hour=len(processed),
            processed_by_queue=dict(Counter(each.queue for each in processed)),
            seconds_avg=sum(each.at - each.created for each in processed) / len(processed) if processed else None,
            failing_last_hour=len(failed & unprocessed),
            oldest_processed=min((each.at for each in kept), default=None),
        )

    async def _processed(self) -> list[_Processed]:
        events = await self._app.connector.execute_query_all_async(_EVENTS)
        queues = {job.id: job.queue for job in await self._app.job_manager.list_jobs_async(status="succeeded")}
        created = {each["job_id"]: each["at"] for each in events if each["type"] == "deferred"}
        return [
            _Processed(queues[each["job_id"]], created[each["job_id"]], each["at"], each["in_last_hour"])
            for each in events
            if each["type"] == "succeeded"
        ]

    async def _retry_stalled(self) -> None:
        manager = self._app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=0):
            await manager.retry_job(job)

    def _do(self, step: Awaitable[_T]) -> _T:
        async def result() -> _T:
            return await step

        return self._loop.run(result())


def _state(job: Job) -> str:
    """The state of a job, in the exporter's words."""
    if job.status != "todo":
        return {"doing": "running", "failed": "exhausted", "succeeded": "processed"}.get(job.status or "", "cancelled")
    if job.scheduled_at and job.scheduled_at > datetime.now(UTC):
        return "scheduled"
    return "failing" if job.attempts else "waiting"


if __name__ == "__main__":
    application(sys.argv[1]).run_worker(queues=[sys.argv[2]])
