"""The outbox processor, with the behaviour of the deployed one: deployed-application.md, "The outbox processor"."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from exporter.lab.application.telemetry import Telemetry, utc_now
from exporter.lab.background import LabConnection
from exporter.lab.workload.queues import OutboxJob, QueueRefusedError, Queues

MIN_POLL_INTERVAL: Final = 1.0  # seconds between polls after a poll with jobs
MAX_POLL_INTERVAL: Final = 30.0  # seconds after many polls without jobs
_BACK_OFF: Final = 1.5
BATCH: Final = 100
_AT_A_TIME: Final = 10
RETRY_DELAYS: Final = (1.0, 2.0, 4.0, 8.0)  # seconds between five attempts

# As deployed: rows are not locked, and failed ones are fetched first again.
_FETCH: Final = """
    SELECT outbox_id, queue_name, created_at FROM job_outbox
    WHERE processed_at IS NULL ORDER BY created_at LIMIT %s
"""
_SUCCEED: Final = "UPDATE job_outbox SET processed_at = %s WHERE outbox_id = %s"
_FAIL: Final = """
    UPDATE job_outbox SET attempts = attempts + 1, last_error = %s, last_attempt_at = %s WHERE outbox_id = %s
"""


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The result of one attempt for a job: `error` is None when the queue accepted it."""

    job: OutboxJob
    error: Exception | None


def next_poll_interval(interval: float, found: int, longest: float = MAX_POLL_INTERVAL) -> float:
    """Seconds until the next poll: the minimum after a poll with jobs, else 1.5 times the last interval."""
    return MIN_POLL_INTERVAL if found else min(interval * _BACK_OFF, longest)


def groups_of_ten(jobs: Sequence[OutboxJob]) -> Iterator[Sequence[OutboxJob]]:
    """The jobs in groups of ten, in order."""
    for start in range(0, len(jobs), _AT_A_TIME):
        yield jobs[start : start + _AT_A_TIME]


def partition_results(outcomes: Sequence[JobOutcome], *, is_last: bool) -> tuple[list[JobOutcome], list[OutboxJob]]:
    """The final results, and the jobs to retry: those with lost connections, unless this was the last attempt."""
    lost = [isinstance(outcome.error, ConnectionError) and not is_last for outcome in outcomes]
    settled = [outcome for outcome, again in zip(outcomes, lost, strict=True) if not again]
    return settled, [outcome.job for outcome, again in zip(outcomes, lost, strict=True) if again]


@dataclass(slots=True)
class Processor:
    """Polls the outbox and hands its jobs to the queues.

    Attributes:
        connection: of a role that reads and writes the outbox, such as service_role.
        queues: the queues of the jobs.
        telemetry: the application's metrics.
        max_poll_interval: the upper limit of the back-off, seconds.
        clock: the application's clock, which may differ from the database's.
        rest: sleeps for a number of seconds; may raise to end a poll early.
    """

    connection: LabConnection
    queues: Queues
    telemetry: Telemetry
    max_poll_interval: float = MAX_POLL_INTERVAL
    clock: Callable[[], datetime] = utc_now
    rest: Callable[[float], None] = time.sleep
    _interval: float = field(default=MIN_POLL_INTERVAL, init=False)

    def poll(self) -> float:
        """Delivers the oldest hundred pending jobs; returns the seconds until the next poll."""
        started = time.monotonic()
        jobs = self._fetch()
        try:
            for group in groups_of_ten(jobs):
                self._deliver(group)
        finally:
            self._interval = next_poll_interval(self._interval, len(jobs), self.max_poll_interval)
            milliseconds = (time.monotonic() - started) * 1000
            self.telemetry.polled(len(jobs), milliseconds, self._interval, self.clock())
        return self._interval

    def _fetch(self) -> list[OutboxJob]:
        return [OutboxJob(*row) for row in self.connection.open().execute(_FETCH, (BATCH,))]

    def _deliver(self, jobs: Sequence[OutboxJob]) -> None:
        """Delivers jobs together, and retries those with lost connections after 1, 2, 4 and 8 seconds."""
        for attempt, delay in enumerate((0.0, *RETRY_DELAYS), start=1):
            if attempt > 1:
                self.telemetry.retried()
            self.rest(delay + self.queues.latency)
            outcomes = [self._attempt(job, attempt) for job in jobs]
            settled, again = partition_results(outcomes, is_last=attempt > len(RETRY_DELAYS))
            for outcome in settled:
                self._record(outcome)
            jobs = again
            if not jobs:
                return

    def _attempt(self, job: OutboxJob, attempt: int) -> JobOutcome:
        try:
            self.queues.add(job, attempt, self.clock())
        except (ConnectionError, QueueRefusedError) as error:
            return JobOutcome(job, error)
        return JobOutcome(job, None)

    def _record(self, outcome: JobOutcome) -> None:
        job, now = outcome.job, self.clock()
        if outcome.error is None:
            self.connection.open().execute(_SUCCEED, (now, job.outbox_id))
            self.telemetry.job_succeeded((now - job.created_at).total_seconds())
        else:
            self.connection.open().execute(_FAIL, (str(outcome.error), now, job.outbox_id))
            self.telemetry.job_failed(type(outcome.error).__name__)
