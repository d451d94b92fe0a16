"""A stand-in for the job queues (BullMQ) behind the outbox."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

_SHARES: Final = 10_000


class QueueRefusedError(Exception):
    """The queue refuses this job: a permanent failure for the processor."""


@dataclass(frozen=True, slots=True)
class OutboxJob:
    """The columns of a pending row of the outbox that its queue needs."""

    outbox_id: UUID
    queue_name: str
    created_at: datetime


@dataclass(slots=True)
class Queues:
    """Accepts every job for every queue, except as the attributes say.

    Attributes:
        latency: seconds to deliver ten jobs.
        refused: names of queues that refuse every job.
        dropped_attempts: attempts for a job whose connection is lost before one succeeds.
        unready_share: the ratio of jobs, 0 to 1, that are refused until they are `unready_for` old.
    """

    latency: float = 0.02
    refused: set[str] = field(default_factory=set)
    dropped_attempts: int = 0
    unready_share: float = 0.0
    unready_for: timedelta = timedelta(seconds=3)

    def add(self, job: OutboxJob, attempt: int, now: datetime) -> None:
        """Accepts a job. `attempt` counts from 1.

        Raises: ConnectionError when the connection drops, QueueRefusedError when the queue refuses.
        """
        if attempt <= self.dropped_attempts:
            raise ConnectionError("connection to the queue was lost")
        if job.queue_name in self.refused:
            raise QueueRefusedError(f"queue {job.queue_name} does not exist")
        # By the id, so that each attempt for a job has the same result.
        is_unlucky = job.outbox_id.int % _SHARES < self.unready_share * _SHARES
        if is_unlucky and now - job.created_at < self.unready_for:
            raise QueueRefusedError(f"queue {job.queue_name} is not ready for {job.outbox_id}")
