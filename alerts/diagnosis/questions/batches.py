"""How long do the processor's batches take?"""

import statistics
from enum import StrEnum
from typing import Final

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources
from exporter.core.humanize import count, duration

# Batches that are looked at: the last ones.
_LATEST: Final = 5
# Three lost connections delay ten jobs by 1 + 2 + 4 seconds (deployed application); a batch without takes less.
SLOW: Final = 7.0


class Answer(StrEnum):
    """RETRIED: batches are slow, and connections to the queue's backend were lost."""

    QUICK = "quick"
    SLOW = "slow"
    RETRIED = "retried"


def ask(sources: Sources) -> Evidence:
    """The durations that the deployed application reports."""
    found = sources.application
    if found is None:
        return Evidence(None, "no application is configured")
    metrics = found.payloads.get("getOutbox", {}).get("metrics")
    durations = metrics.get("processingDurations") if isinstance(metrics, dict) else None
    latest = (
        [each / 1000 for each in durations[-_LATEST:] if isinstance(each, float)] if isinstance(durations, list) else []
    )
    if not latest or not isinstance(metrics, dict):
        return Evidence(None, "the application does not report how long its batches take")
    median = statistics.median(latest)
    retries = metrics.get("retries")
    lost = f"; {count(retries)} retries since its start" if isinstance(retries, float) else ""
    text = f"the median of its latest {len(latest)} batches is {duration(median)}{lost}"
    if median <= sources.scaled(SLOW):
        return Evidence(Answer.QUICK, text)
    return Evidence(Answer.RETRIED if retries else Answer.SLOW, text)
