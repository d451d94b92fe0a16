"""PgQueuer: https://pgqueuer.readthedocs.io. A queue is an entrypoint; the outcome is the job's payload."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import asyncpg
from pgqueuer import AsyncpgDriver, DatabaseRetryEntrypointExecutor, Job, Queries, QueueManager, RetryRequested
from pgqueuer.executors import EntrypointExecutorParameters
from pgqueuer.models import Log
from pgqueuer.types import OnFailure

from tests.outbox.lives.killed_worker import RUNNING, kill_in_job
from tests.outbox.lives.life import Outcome, Truth

_T = TypeVar("_T")

_RETRIES: Final = 2
_HOUR: Final = timedelta(hours=1)
_MANY: Final = 10_000  # rows


@dataclasses.dataclass
class Worker(QueueManager):
    """Takes at most `limit` jobs, and stops when there are none."""

    limit: int = 1
    taken: int = dataclasses.field(init=False, default=0)

    async def fetch_jobs(
        self, batch_size: int, global_concurrency_limit: int | None, heartbeat_timeout: timedelta
    ) -> AsyncGenerator[Job, None]:
        """The due jobs, as QueueManager yields them."""
        async for job in super().fetch_jobs(batch_size, global_concurrency_limit, heartbeat_timeout):
            self.taken += 1
            if self.taken == self.limit:
                self.shutdown.set()
            yield job
        if self.taken == self.jobs_logged:
            self.shutdown.set()


async def work(
    connection: asyncpg.Connection,
    queues: Iterable[str],
    jobs: int,
    *,
    on_failure: OnFailure = "hold",
    heartbeat_timeout: timedelta = timedelta(seconds=30),
    hangs: bool = False,
) -> None:
    """Run a worker for these queues. `hangs`: a job with the payload `hang` does not end."""
    worker = Worker(Queries(AsyncpgDriver(connection)), limit=jobs)
    worker.min_dequeue_poll_interval = timedelta(milliseconds=1)

    async def handle(job: Job) -> None:
        if job.payload == b"hang" and hangs:
            print(RUNNING, flush=True)  # noqa: T201 -- read by kill_in_job
            await asyncio.Event().wait()
        if job.payload == b"retry_later" and job.attempts < _RETRIES:
            raise RetryRequested(delay=_HOUR)
        if job.payload in {b"fail", b"retry_later"}:
            raise ValueError("poison")

    def retrying(parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
        return DatabaseRetryEntrypointExecutor(parameters, max_attempts=_RETRIES, initial_delay=timedelta(0))

    for queue in queues:
        worker.entrypoint(queue, on_failure=on_failure, executor_factory=retrying)(handle)
    await worker.run(
        batch_size=1,
        dequeue_timeout=timedelta(milliseconds=1),
        heartbeat_timeout=heartbeat_timeout,
        log_aggregation_interval=timedelta(0),  # it would reset the number of logged jobs
    )


class PgqueuerLife:
    """The life of `pgqueuer`.

    asyncpg, because psycopg's driver waits a second for notifications before it runs a statement.
    """

    profile = "pgqueuer"

    def __init__(self, dsn: str, on_failure: OnFailure = "hold") -> None:
        self._dsn = dsn
        self._on_failure: OnFailure = on_failure
        self._loop = asyncio.Runner()
        self._connection = self._do(asyncpg.connect(dsn))
        self._queries = Queries(AsyncpgDriver(self._connection))
        self._queues: set[str] = set()
        self._pruned: list[Log] = []
        self._do(self._queries.install())

    def close(self) -> None:
        """Close the connection."""
        self._do(self._connection.close())
        self._loop.close()

    def enqueue(self, queue: str, outcome: Outcome) -> None:
        """Enqueue a job with that payload."""
        self._enqueue(queue, outcome)

    def schedule(self, queue: str) -> None:
        """Enqueue a job until tomorrow."""
        self._enqueue(queue, "succeed", execute_after=timedelta(days=1))

    def run(self, jobs: int) -> None:
        """Run a worker for so many jobs."""
        if self._queues:
            self._do(work(self._connection, self._queues, jobs, on_failure=self._on_failure))

    def crash(self, queue: str) -> None:
        """Run the jobs of workers that were killed before, whose heartbeat is old; then kill another."""
        stale = [job for job in self._jobs() if job.status == "picked"]
        if stale:
            short = timedelta(milliseconds=1)
            self._do(work(self._connection, self._queues, len(stale), heartbeat_timeout=short))
        self._enqueue(queue, "hang", priority=1)
        kill_in_job(__name__, self._dsn, queue)

    def cancel(self) -> None:
        """Cancel the oldest job that waits."""
        waiting = sorted(job.id for job in self._jobs() if job.status == "queued")
        self._do(self._queries.mark_job_as_cancelled(waiting[:1]))

    def prune(self) -> None:
        """Empty the log, which is all that is left of processed jobs."""
        self._pruned += self._do(self._queries.queue_log())
        self._do(self._queries.clear_queue_log())

    def truth(self) -> Truth:
        """All by PgQueuer's API. The figures of the last hour have the entries that were cleared from the log, too."""
        jobs = self._jobs()
        states = {job.id: _state(job) for job in jobs}
        counts = Counter(states.values())
        due = {job.id: max(job.created, job.execute_after).timestamp() for job in jobs}
        kept = self._do(self._queries.queue_log())
        log = sorted(self._pruned + kept, key=lambda entry: entry.created)
        processed = [entry for entry in log if entry.status == "successful" and entry.created > _now() - _HOUR]
        created = {entry.job_id: entry.created for entry in reversed(log) if entry.status == "queued"}
        seconds = [(entry.created - created[entry.job_id]).total_seconds() for entry in processed]
        return Truth(
            waiting=counts["waiting"],
            failing=counts["failing"],
            exhausted=counts["exhausted"],
            scheduled=counts["scheduled"],
            running=counts["running"],
            oldest_waiting=min((due[job] for job, state in states.items() if state == "waiting"), default=None),
            oldest_failing=min((due[job] for job, state in states.items() if state == "failing"), default=None),
            by_queue=dict(
                Counter(job.entrypoint for job in jobs if states[job.id] in {"waiting", "failing", "exhausted"})
            ),
            processed_last_hour=len(processed),
            processed_by_queue=dict(Counter(entry.entrypoint for entry in processed)),
            seconds_avg=sum(seconds) / len(seconds) if seconds else None,
            failing_last_hour=len(_failed(jobs)) + sum(entry.status == "exception" for entry in log),
            oldest_processed=min(
                (entry.created.timestamp() for entry in kept if entry.status == "successful"), default=None
            ),
        )

    def _enqueue(self, queue: str, payload: str, priority: int = 0, execute_after: timedelta | None = None) -> None:
        self._queues.add(queue)
        self._do(self._queries.enqueue(queue, payload.encode(), priority, execute_after))

    def _jobs(self) -> list[Job]:
        return self._do(self._queries.browse_queue(limit=_MANY))

    def _do(self, step: Coroutine[Any, Any, _T]) -> _T:
        return self._loop.run(step)


class DeletingPgqueuerLife(PgqueuerLife):
    """The same with PgQueuer's default for failed jobs: they are deleted, so that none is exhausted."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, on_failure="delete")


def _now() -> datetime:
    return datetime.now(UTC)


def _state(job: Job) -> str:
    """The state of a job, in the exporter's words."""
    if job.status != "queued":
        return {"picked": "running", "failed": "exhausted"}[job.status]
    if job.execute_after > _now():
        return "scheduled"
    return "failing" if job.attempts else "waiting"


def _failed(jobs: list[Job]) -> list[Job]:
    """Those whose latest attempt failed: `updated` is the time of the failure until the next attempt."""
    return [
        job
        for job in jobs
        if (job.status == "failed" or (job.status == "queued" and job.attempts)) and job.updated > _now() - _HOUR
    ]


async def _main(dsn: str, queue: str) -> None:
    await work(await asyncpg.connect(dsn), [queue], 1, hangs=True)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
