"""Which queues take long?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import COUNT_LIMIT, Sources, limited, reason_of
from alerts.model import Severity
from exporter.core.errors import SampleError
from exporter.core.humanize import duration
from exporter.metrics.catalogue import PROCESSING_TIME

# Seconds back, as OutboxProcessingSlow.
_WINDOW: Final = 600.0


class Answer(StrEnum):
    """Whether the 95th percentile of any queue is above the limit, and of how many."""

    NORMAL = "normal"
    ONE_QUEUE = "one-queue"
    ALL_QUEUES = "all-queues"


@dataclass(frozen=True, slots=True)
class QueueDuration:
    """A row of sql/diagnosis/durations.sql. Units: `percentile`, the 95th, seconds."""

    queue: str | None
    jobs: int
    percentile: float


def ask(sources: Sources) -> Evidence:
    """Read the jobs processed latest."""
    if lacking := sources.lacks(PROCESSING_TIME):
        return lacking
    try:
        with sources.sample(*sources.reads("processed_jobs")) as session:
            queues = session.fetch(
                "diagnosis/durations", QueueDuration, count_limit=COUNT_LIMIT, span=sources.scaled(_WINDOW)
            )
    except SampleError as error:
        return Evidence(None, reason_of(error))
    if not queues:
        return Evidence(Answer.NORMAL, "no job was processed lately")
    named = ", ".join(f"{each.queue or 'none'} {duration(each.percentile)}" for each in queues[:3])
    text = f"95th percentile of the processing time by queue: {named}"
    return Evidence(classify(queues, sources.threshold("OutboxProcessingSlow", Severity.TICKET)), limited(text))


def classify(queues: Sequence[QueueDuration], limit: float) -> Answer:
    """The answer; `limit` in seconds. With one queue alone, all are slow."""
    slow = [each for each in queues if each.percentile > limit]
    if not slow:
        return Answer.NORMAL
    return Answer.ONE_QUEUE if len(slow) == 1 < len(queues) else Answer.ALL_QUEUES
