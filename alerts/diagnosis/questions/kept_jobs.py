"""Are old processed jobs left?"""

from dataclasses import dataclass
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, reason_of
from alerts.model import Severity
from exporter.core.errors import SampleError
from exporter.core.humanize import duration
from exporter.metrics.catalogue import OLDEST_PROCESSED

_ALERT = "OutboxRetentionOverdue"


class Answer(StrEnum):
    """OVERDUE: the oldest should have been removed."""

    REMOVED = "removed"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class KeptJobs:
    """The row of sql/diagnosis/kept_jobs.sql. Units: `oldest` seconds ago."""

    oldest: float | None


def ask(sources: Sources) -> Evidence:
    """Read the first entry of the index."""
    if lacking := sources.lacks(OLDEST_PROCESSED) or sources.lacks_rule(_ALERT):
        return lacking
    try:
        with sources.sample(*sources.reads("processed_jobs")) as session:
            oldest = session.fetch_one("diagnosis/kept_jobs", KeptJobs).oldest
    except SampleError as error:
        return Evidence(None, reason_of(error))
    if oldest is None:
        return Evidence(Answer.REMOVED, "no processed job is kept")
    overdue = oldest > sources.threshold(_ALERT, Severity.TICKET)
    text = f"the oldest processed job that is kept was processed {duration(oldest)} ago"
    return Evidence(Answer.OVERDUE if overdue else Answer.REMOVED, text)
