"""The stand-in for the queues: jobs that it accepts and refuses."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from exporter.lab.workload.queues import OutboxJob, QueueRefusedError, Queues

NOW = datetime(2025, 11, 18, 12, 0, tzinfo=UTC)


def job(number: int = 1, queue: str = "q", created_at: datetime = NOW) -> OutboxJob:
    return OutboxJob(UUID(int=number), queue, created_at)


def test_a_queue_refuses_the_configured_jobs():
    """By name always; by ratio until the job is old enough."""
    queues = Queues(refused={"retired"}, unready_share=1.0, unready_for=timedelta(seconds=3))
    with pytest.raises(QueueRefusedError, match="does not exist"):
        queues.add(job(queue="retired"), 1, NOW)
    with pytest.raises(QueueRefusedError, match="not ready"):
        queues.add(job(), 1, NOW + timedelta(seconds=2.9))
    queues.add(job(), 1, NOW + timedelta(seconds=3))
    queues.unready_share = 0.0
    queues.add(job(), 1, NOW)
