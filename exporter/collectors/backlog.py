"""What is pending, in which state, and since when: the signal that pages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter import indexes, names
from exporter.config import SamplingSettings
from exporter.database import Session
from exporter.indexes import Catalogue
from exporter.labels import Labels
from exporter.model import Reading
from exporter.visibility import Table

# The deployed processor fetches the oldest 100 pending rows per poll.
PROCESSOR_BATCH = 100


@dataclass(frozen=True, slots=True)
class PendingGroup:
    """One row of sql/backlog.sql: pending jobs of one queue in one state; `oldest` in Unix seconds."""

    queue: str
    state: str
    jobs: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Head:
    """The one row of sql/backlog_head.sql."""

    blocked: int


class Backlog:
    """Pending jobs by state and by queue, and the indexes that watching the outbox would profit from.

    Shape: all three states always; ages and queues only where there are jobs. An empty outbox has backlog 0 and no
    oldest job. Source: sql/backlog.sql, sql/backlog_head.sql.
    """

    name = "backlog"
    index = indexes.PENDING
    statements = ("indexes", "backlog_head", "backlog")
    reads = (Table("job_outbox", ("queue_name", "attempts", "created_at", "processed_at")),)

    def __init__(self, settings: SamplingSettings, queues: Labels, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._truncated = False
        self._queues = queues

    def read(self, session: Session) -> Iterable[Reading]:
        """One sample of the backlog. Raises: SampleError."""
        head = session.fetch_one("backlog_head", Head, batch=PROCESSOR_BATCH)
        groups = self._groups(session)
        return (
            Reading(names.PENDING_TRUNCATED, self._truncated),
            Reading(names.HEAD_BLOCKED_JOBS, head.blocked),
            *by_state(groups),
            *by_queue(groups, self._queues),
            *self._catalogue.advice(session, "job_outbox"),
        )

    def _groups(self, session: Session) -> list[PendingGroup]:
        """All pending jobs, or the oldest so many. A backlog that was too long is expected to be so still."""
        groups = self._count(session, oldest_first=self._truncated)
        if self._is_truncated(groups) and not self._truncated:
            groups = self._count(session, oldest_first=True)
        self._truncated = self._is_truncated(groups)
        return groups

    def _count(self, session: Session, *, oldest_first: bool) -> list[PendingGroup]:
        session.gather_pages(gather=not oldest_first)
        return session.fetch(
            "backlog",
            PendingGroup,
            count_limit=self._settings.count_limit,
            exhausted_attempts=self._settings.exhausted_attempts,
            oldest_first=oldest_first,
        )

    def _is_truncated(self, groups: Iterable[PendingGroup]) -> bool:
        return sum(group.jobs for group in groups) >= self._settings.count_limit


def by_state(groups: Iterable[PendingGroup]) -> Iterator[Reading]:
    """Jobs and oldest job of each state."""
    groups = tuple(groups)
    for state in names.STATES:
        mine = [group for group in groups if group.state == state]
        yield Reading(names.PENDING_JOBS, sum(group.jobs for group in mine), (state,))
        if mine:
            yield Reading(names.OLDEST_PENDING, min(group.oldest for group in mine), (state,))


def by_queue(groups: Iterable[PendingGroup], queues: Labels) -> Iterator[Reading]:
    """Jobs and oldest job of each queue, `other` for those beyond the label limit."""
    jobs: dict[str, int] = {}
    oldest: dict[str, float] = {}
    for group in groups:
        queue = queues(group.queue)
        jobs[queue] = jobs.get(queue, 0) + group.jobs
        oldest[queue] = min(oldest.get(queue, group.oldest), group.oldest)
    for queue, count in jobs.items():
        yield Reading(names.QUEUE_PENDING_JOBS, count, (queue,))
        yield Reading(names.QUEUE_OLDEST_PENDING, oldest[queue], (queue,))
