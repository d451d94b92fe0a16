"""Of which queues are the jobs that fail?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import COUNT_LIMIT, Sources, limited, reason_of
from alerts.model import Severity
from exporter.collectors.backlog import PROCESSOR_BATCH, OtherJobs
from exporter.core.errors import SampleError
from exporter.core.humanize import duration
from exporter.metrics.availability import unknown_states
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD
from exporter.outbox.mapping import DEFAULT

# Alerts about jobs that are not attempted any more; these explain no other.
_ABOUT_EXHAUSTED = ("OutboxJobsExhausted", "OutboxJobsExhaustedGrowing", "OutboxFailureRatioHigh")
# One queue has nearly all failing jobs.
_MOST = 0.9


class Answer(StrEnum):
    """NONE: no job fails for long. LATELY: some failed since a short time, fewer than half a batch."""

    NONE = "none"
    LATELY = "lately"
    ONE_QUEUE = "one-queue"
    SEVERAL_QUEUES = "several-queues"


@dataclass(frozen=True, slots=True)
class FailingQueue:
    """A row of sql/diagnosis/failing.sql. Units: `oldest` and `attempted` seconds ago."""

    queue: str | None
    jobs: int
    in_batch: int
    exhausted: int
    oldest: float | None
    attempted: float | None


def ask(sources: Sources) -> Evidence:
    """Read the oldest pending jobs."""
    if reason := unknown_states(sources.mapping).get("failing"):
        return Evidence(None, f"not known of this outbox: {reason}")
    exhausted, is_about_exhausted = sources.exhausted_attempts, sources.alert in _ABOUT_EXHAUSTED
    try:
        with sources.sample(*sources.reads("pending_jobs", "failing_jobs", "other_jobs")) as session:
            queues = session.fetch(
                "diagnosis/failing",
                FailingQueue,
                count_limit=COUNT_LIMIT,
                batch=PROCESSOR_BATCH,
                exhausted=exhausted,
                recent=sources.recent_attempts,
            )
            if is_about_exhausted and sources.mapping.has_exhausted:
                latest = session.now + MAX_CLOCK_LEAD
                others = session.fetch("other_jobs", OtherJobs, count_limit=COUNT_LIMIT, latest=latest)
                queues = with_exhausted(queues, others, session.now)
    except SampleError as error:
        return Evidence(None, reason_of(error))
    held = sources.rule("OutboxHeadBlocked", Severity.TICKET).hold_duration
    half = sources.threshold("OutboxHeadBlocked", Severity.PAGE)
    attempted = queues if sources.mapping == DEFAULT or is_about_exhausted else _attempted(queues, held)
    return Evidence(classify(attempted, held, half), described(queues))


def _attempted(queues: Sequence[FailingQueue], seconds: float) -> list[FailingQueue]:
    """Those of which a job was attempted so lately. The due jobs of another queue wait, and block no others."""
    return [each for each in queues if each.attempted is not None and each.attempted <= seconds]


def with_exhausted(queues: Sequence[FailingQueue], others: Iterable[OtherJobs], now: float) -> list[FailingQueue]:
    """The queues with their exhausted jobs that are not attempted any more; `now` in Unix seconds."""
    found = {each.queue: each for each in queues}
    for each in others:
        if each.state == "exhausted":
            queue = found.get(each.queue, FailingQueue(each.queue, 0, 0, 0, None, None))
            ages = [queue.oldest, None if each.oldest is None else now - each.oldest]
            found[each.queue] = replace(
                queue,
                jobs=queue.jobs + each.jobs,
                exhausted=queue.exhausted + each.jobs,
                oldest=max((age for age in ages if age is not None), default=None),
            )
    return sorted(found.values(), key=lambda each: each.jobs, reverse=True)


def classify(queues: Sequence[FailingQueue], held: float, half: float) -> Answer:
    """The answer. A job fails for long when it is exhausted or older than `held`, seconds; `half` is half a batch."""
    if not queues:
        return Answer.NONE
    if sum(each.in_batch for each in queues) < half and not any(
        each.exhausted or (each.oldest or 0.0) > held for each in queues
    ):
        return Answer.LATELY
    return Answer.ONE_QUEUE if queues[0].jobs >= _MOST * sum(each.jobs for each in queues) else Answer.SEVERAL_QUEUES


def described(queues: Sequence[FailingQueue]) -> str:
    """How many jobs of which queues fail, and how many of them the processor fetches next."""
    if not queues:
        return f"none of the oldest {COUNT_LIMIT} pending jobs has failed"
    named = ", ".join(f"{each.queue or 'none'} {each.jobs}" for each in queues[:3])
    more = f" and {len(queues) - 3} more" if len(queues) > 3 else ""  # noqa: PLR2004 - as many as are named
    jobs, in_batch = sum(each.jobs for each in queues), sum(each.in_batch for each in queues)
    attempts = [each.attempted for each in queues if each.attempted is not None]
    last = f", last attempted {duration(min(attempts))} ago" if attempts else ""
    exhausted = sum(each.exhausted for each in queues)
    text = f"{jobs} failing jobs, {exhausted} of them exhausted, by queue: {named}{more}; {in_batch} of the oldest"
    return limited(f"{text} {PROCESSOR_BATCH} pending jobs{last}")
