"""A stand-in for the job queues (BullMQ) behind the outbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

_SHARES: Final = 10_000


class QueueRefusedError(Exception):
    """The queue does not take this job: a permanent failure, as the processor sees it."""


@dataclass(frozen=True, slots=True)
class OutboxJob:
    """A pending row of the outbox, as far as its queue needs it."""

    outbox_id: UUID
    queue_name: str
    created_at: datetime


@dataclass(slots=True)
class Queues:
    """Takes any job for any queue, unless told otherwise.

    Attributes:
        latency: seconds that handing over ten jobs at a time takes.
        refused: names of queues that refuse every job.
        dropped_attempts: how many attempts in a row lose their connection before one gets through.
        unready_share: the share of jobs, 0 to 1, that are refused until they are `unready_for` old.
    """

    latency: float = 0.02
    refused: set[str] = field(default_factory=set)
    dropped_attempts: int = 0
    unready_share: float = 0.0
    unready_for: timedelta = timedelta(seconds=3)

    def add(self, job: OutboxJob, attempt: int, now: datetime) -> None:
        """Takes a job. `attempt` counts from 1.

        Raises: ConnectionError when the connection drops, QueueRefusedError when the queue refuses.
        """
        if attempt <= self.dropped_attempts:
            raise ConnectionError("connection to the queue was lost")
        if job.queue_name in self.refused:
            raise QueueRefusedError(f"queue {job.queue_name} does not exist")
        # The same jobs every time: their ids are random enough.
        is_unlucky = job.outbox_id.int % _SHARES < self.unready_share * _SHARES
        if is_unlucky and now - job.created_at < self.unready_for:
            raise QueueRefusedError(f"queue {job.queue_name} is not ready for {job.outbox_id}")
