"""Chancy: https://tkte.ch/chancy. The outcome of a job is the function that it calls.

Annotations are values here: Chancy passes the job to a parameter whose annotation is the class.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self, TypeVar

from chancy import Chancy, Job, Queue, QueuedJob, Reference, Worker
from chancy.plugins.pruner import Pruner
from chancy.plugins.recovery import Recovery
from chancy.plugins.retry import RetryPlugin
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from tests.outbox.lives.killed_worker import RUNNING, kill_in_job
from tests.outbox.lives.life import Outcome, Truth

_T = TypeVar("_T")

_ATTEMPTS: Final = 3
_HOUR: Final = timedelta(hours=1)
_MANY: Final = 1000
# Seconds until the retry, by outcome.
_BACKOFF: Final = {"fail": 0, "retry_later": 3600}


async def succeed() -> None:
    """A job that succeeds."""


async def fail() -> None:
    """A job whose every attempt fails."""
    raise ValueError("poison")


async def hang(*, job: QueuedJob) -> None:
    """A job whose first run does not end. Recovery gives it one attempt more."""
    if job.max_attempts == 1:
        print(RUNNING, flush=True)  # noqa: T201 -- read by kill_in_job
        await asyncio.Event().wait()


class LimitedWorker(Worker):  # type: ignore[misc]  # Chancy has no types
    """A worker of some queues that takes at most so many jobs, one after another in each queue."""

    def __init__(self, app: Chancy, queues: set[str], jobs: int) -> None:
        super().__init__(app, register_signal_handlers=False)
        self._remaining = jobs
        self._served = frozenset(queues)
        self._busy = set(queues)
        self._fetching = asyncio.Lock()
        self.idle = asyncio.Event()

    async def fetch_jobs(self, queue: Queue, conn: AsyncConnection, *, up_to: int = 1) -> list[QueuedJob]:
        """The next due job of a queue, when its last one is written; `idle` is set when no queue has one."""
        async with self._fetching:
            await self.flush()
            wanted = min(up_to, 1, self._remaining) if queue.name in self._served else 0
            jobs = await super().fetch_jobs(queue, conn, up_to=wanted) if wanted else []
            self._remaining -= len(jobs)
        if not jobs:
            self._busy.discard(queue.name)
        if not self._busy:
            self.idle.set()
        return jobs

    async def work(self) -> Self:
        """Run until every queue is idle."""
        async with self:
            await self.idle.wait()
        return self


def application(dsn: str) -> Chancy:
    """Chancy without the plugins that work in the background."""
    return Chancy(
        dsn,
        plugins=[RetryPlugin()],
        notifications=False,
        log=logging.getLogger("chancy"),  # its own writes to standard output
        no_default_plugins=True,
    )


class ChancyLife:
    """The life of `chancy_jobs`."""

    profile = "chancy"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._loop = asyncio.Runner()
        self._app = application(dsn)
        self._queues: set[str] = set()
        self._jobs: list[Reference] = []
        self._pruned: list[QueuedJob] = []
        self._do(self._app.pool.open())
        self._do(self._app.migrate())
        self._declare("default")

    def close(self) -> None:
        """Close the connections."""
        self._do(self._app.pool.close())
        self._loop.close()

    def enqueue(self, queue: str, outcome: Outcome) -> None:
        """Push a job; a failed one is retried by the plugin for retries."""
        wait = _BACKOFF.get(outcome, 0)
        retries = {"backoff": wait, "backoff_factor": 1, "backoff_limit": wait, "backoff_jitter": [0, 0]}
        function = succeed if outcome == "succeed" else fail
        self._push(queue, Job.from_func(function, max_attempts=_ATTEMPTS, meta={"retry_settings": retries}))

    def schedule(self, queue: str) -> None:
        """Push a job for tomorrow."""
        self._push(queue, Job.from_func(succeed, scheduled_at=datetime.now(UTC) + timedelta(days=1)))

    def run(self, jobs: int) -> None:
        """Run a worker for so many jobs."""
        self._do(LimitedWorker(self._app, self._queues, jobs).work())

    def crash(self, queue: str) -> None:
        """Recover the jobs of workers that were killed before, then kill another."""
        self._do(self._recover())
        self._push(queue, Job.from_func(hang, priority=1))
        kill_in_job(__name__, self._dsn, queue)

    def cancel(self) -> None:
        """Cancel the oldest job that waits. Chancy makes it `failed`."""
        waiting = [job.id for job in self._rows() if job.state in {job.State.PENDING, job.State.RETRYING}]
        for job in sorted(waiting)[:1]:
            self._do(self._app.cancel_job(Reference(job)))

    def prune(self) -> None:
        """Delete the finished jobs, however recent."""
        self._pruned += [job for job in self._rows() if job.state is job.State.SUCCEEDED]
        self._do(self._prune())

    def truth(self) -> Truth:
        """All by Chancy's API. The figures of the last hour have the deleted jobs, too."""
        jobs = self._rows()
        states = {job.id: _state(job) for job in jobs}
        counts = Counter(states.values())
        due = {job.id: max(job.created_at, job.scheduled_at).timestamp() for job in jobs}
        kept = [job for job in jobs if job.state is job.State.SUCCEEDED]
        processed = [job for job in self._pruned + kept if job.completed_at and _is_recent(job.completed_at)]
        seconds = [(job.completed_at - job.created_at).total_seconds() for job in processed if job.completed_at]
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
            processed_by_queue=dict(Counter(job.queue for job in processed)),
            seconds_avg=sum(seconds) / len(seconds) if seconds else None,
            failing_last_hour=sum(_failed(job, states[job.id]) for job in jobs),
            oldest_processed=min((job.completed_at.timestamp() for job in kept if job.completed_at), default=None),
        )

    def _declare(self, queue: str) -> None:
        if queue not in self._queues:
            self._queues.add(queue)
            self._do(self._app.declare(Queue(queue, executor=Chancy.Executor.Async, eager_polling=True)))

    def _push(self, queue: str, job: Job) -> None:
        self._declare(queue)
        self._jobs.append(self._do(self._app.push(job.with_queue(queue))))

    def _rows(self) -> list[QueuedJob]:
        return self._do(self._app.get_jobs(self._jobs))

    async def _recover(self) -> None:
        """Recover the jobs of all workers but those that were seen within the last 0 seconds."""
        worker = Worker(self._app, heartbeat_timeout=0)
        async with self._app.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await Recovery.recover(worker, self._app, cursor)

    async def _prune(self) -> None:
        async with self._app.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await Pruner(Pruner.Rules.Age() >= 0).prune(self._app, cursor)

    def _do(self, step: Coroutine[Any, Any, _T]) -> _T:
        return self._loop.run(step)


def _state(job: QueuedJob) -> str:
    """The state of a job, in the exporter's words."""
    if job.state is job.State.FAILED:
        return "exhausted" if job.attempts >= job.max_attempts else "cancelled"
    if job.state not in {job.State.PENDING, job.State.RETRYING}:
        return {"running": "running", "succeeded": "processed"}[job.state.value]
    if job.scheduled_at > datetime.now(UTC):
        return "scheduled"
    return "failing" if job.attempts else "waiting"


def _failed(job: QueuedJob, state: str) -> bool:
    """Whether the latest attempt failed, and began within the last hour: Chancy keeps no time of the failure."""
    is_unprocessed = state in {"failing", "exhausted", "scheduled"}
    return is_unprocessed and job.attempts > 0 and job.started_at is not None and _is_recent(job.started_at)


def _is_recent(time: datetime) -> bool:
    return time > datetime.now(UTC) - _HOUR


async def _main(dsn: str, queue: str) -> None:
    async with application(dsn) as app:
        await LimitedWorker(app, {queue}, _MANY).work()  # recovered jobs before the one that hangs


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
