"""Are expired idempotency keys left?"""

from dataclasses import dataclass
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import COUNT_LIMIT, Sources, reason_of
from alerts.model import Severity
from exporter.core.errors import SampleError
from exporter.core.humanize import duration
from exporter.database.visibility import Table
from exporter.metrics.catalogue import OLDEST_EXPIRED_KEY

_READS = Table("idempotency_keys", ("expires_at",))


class Answer(StrEnum):
    """OVERDUE: the oldest should have been removed."""

    REMOVED = "removed"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class ExpiredKeys:
    """The row of sql/diagnosis/expired_keys.sql. Units: `oldest` seconds ago."""

    keys: int
    oldest: float | None


def ask(sources: Sources) -> Evidence:
    """Read the keys that expired first."""
    if lacking := sources.lacks(OLDEST_EXPIRED_KEY):
        return lacking
    try:
        with sources.sample(_READS) as session:
            found = session.fetch_one("diagnosis/expired_keys", ExpiredKeys, count_limit=COUNT_LIMIT)
    except SampleError as error:
        return Evidence(None, reason_of(error))
    if found.oldest is None:
        return Evidence(Answer.REMOVED, "no expired key is left")
    number = f"at least {found.keys}" if found.keys >= COUNT_LIMIT else str(found.keys)
    overdue = found.oldest > sources.threshold("OutboxCleanupOverdue", Severity.TICKET)
    text = f"{number} expired keys are left, the oldest expired {duration(found.oldest)} ago"
    return Evidence(Answer.OVERDUE if overdue else Answer.REMOVED, text)
