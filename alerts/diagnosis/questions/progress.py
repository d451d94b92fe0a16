"""Are jobs processed?"""

from dataclasses import dataclass
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import COUNT_LIMIT, Sources, reason_of
from alerts.model import Severity
from exporter.core.errors import SampleError
from exporter.core.humanize import duration
from exporter.metrics.catalogue import OLDEST_PENDING, PROCESSED_JOBS

_READS = ("pending_jobs", "failing_jobs", "processed_jobs")
# A backlog that takes longer to drain than so many times the stall threshold is too long, as in OutboxBacklogHigh.
_DRAIN = 3


class Answer(StrEnum):
    """IDLE: no job waits for long. OVERLOADED: jobs are processed, too few to drain the backlog soon."""

    IDLE = "idle"
    PROCESSED = "processed"
    OVERLOADED = "overloaded"
    FAILING = "every-attempt-fails"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """The row of sql/diagnosis/progress.sql. Units: all but the counts seconds ago."""

    pending: int
    oldest: float | None
    oldest_open: float | None
    attempted: float | None
    processed: int
    first_processed: float | None
    last_processed: float | None


def ask(sources: Sources) -> Evidence:
    """Read the oldest pending and the latest processed jobs."""
    stall = sources.threshold("OutboxStalled", Severity.PAGE)
    if lacking := sources.lacks(OLDEST_PENDING):
        return lacking
    exhausted = sources.exhausted_attempts
    try:
        with sources.sample(*sources.reads(*_READS)) as session:
            found = session.fetch_one(
                "diagnosis/progress",
                Progress,
                count_limit=COUNT_LIMIT,
                exhausted=exhausted,
                span=stall,
                recent=sources.recent_attempts,
            )
    except SampleError as error:
        return Evidence(None, reason_of(error))
    if lacking := sources.lacks(PROCESSED_JOBS):
        is_idle = (found.oldest or 0.0) <= stall
        return Evidence(
            Answer.IDLE if is_idle else None, f"{waiting(found)}; which jobs are processed is {lacking.text}"
        )
    return Evidence(classify(found, stall), described(found, stall))


def classify(found: Progress, stall: float) -> Answer:
    """The state of processing; `stall` is the age from which on a pending job is too old, seconds."""
    if found.processed:
        return Answer.OVERLOADED if drain_time(found, stall) > _DRAIN * stall else Answer.PROCESSED
    if (found.oldest or 0.0) <= stall:
        return Answer.IDLE
    if found.attempted is not None and found.attempted <= stall:
        return Answer.FAILING
    return Answer.STOPPED if (found.oldest_open or 0.0) > stall else Answer.IDLE


def drain_time(found: Progress, stall: float) -> float:
    """Seconds until the pending jobs that were read are processed at the present rate."""
    is_cut = found.processed >= COUNT_LIMIT and found.first_processed
    seconds = found.first_processed if is_cut and found.first_processed else stall
    return found.pending * seconds / found.processed


def described(found: Progress, stall: float) -> str:
    """Pending and processed jobs, in a sentence."""
    pending = waiting(found)
    if found.processed:
        return f"{pending}; {_count(found.processed)} processed in {duration(stall)}"
    last = f"none processed for {duration(found.last_processed)}" if found.last_processed else "none ever processed"
    attempted = f"the last attempt {duration(found.attempted)} ago" if found.attempted is not None else "none attempted"
    return f"{pending}; {last}, {attempted}"


def waiting(found: Progress) -> str:
    """Pending jobs, in a clause."""
    oldest = "" if found.oldest is None else f", the oldest for {duration(found.oldest)}"
    return f"{_count(found.pending)} pending{oldest}"


def _count(jobs: int) -> str:
    noun = "job" if jobs == 1 else "jobs"
    return f"at least {jobs} {noun}" if jobs >= COUNT_LIMIT else f"{jobs} {noun}"
