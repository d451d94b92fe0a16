"""What is pending, in which state, and since when: the signal that pages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from exporter.collectors.departures import Departures
from exporter.config.settings import SamplingSettings
from exporter.database import Prefetch, Session, indexes
from exporter.database.indexes import IndexCatalogue
from exporter.database.visibility import Table
from exporter.metrics import catalogue as names
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD
from exporter.metrics.readings import Reading

# The deployed processor fetches the oldest 100 pending rows per poll.
PROCESSOR_BATCH = 100
# A backlog that is longer than count_limit by less than a twentieth is counted whole, and its newest jobs taken off
# again: with a million jobs in half the time that counting the oldest in their order takes.
SLACK = 20


@dataclass(frozen=True, slots=True)
class PendingGroup:
    """One row of sql/backlog.sql or backlog_part.sql: pending jobs of one queue in one state; `oldest` Unix seconds.

    `queue` is None for jobs without one, `oldest` where no job of the group has a time that can be believed.
    """

    queue: str | None
    state: str
    jobs: int
    oldest: float | None


@dataclass(frozen=True, slots=True)
class BacklogHead:
    """The one row of sql/backlog_head.sql."""

    blocked: int
    ids: str
    is_standby: bool
    inserted: int | None


class BacklogCollector:
    """Pending jobs by state and by queue, and the indexes that watching the outbox would profit from.

    Shape: all three states always; ages and queues only where there are jobs. An empty outbox has backlog 0 and no
    oldest job; nor has a state whose jobs have no believable time.
    Source: sql/backlog.sql, sql/backlog_part.sql, sql/backlog_head.sql.
    """

    name = "backlog"
    prefetch = Prefetch("backlog_head", (("batch", PROCESSOR_BATCH),), bitmap_scans=True)
    index = indexes.PENDING
    statements = ("indexes", "backlog_head", "backlog_part", "backlog")
    reads = (Table("job_outbox", ("outbox_id", "queue_name", "attempts", "created_at", "processed_at")),)

    def __init__(
        self, settings: SamplingSettings, queues: LabelLimit, catalogue: IndexCatalogue, departures: Departures
    ) -> None:
        self._settings = settings
        self._departures = departures
        self._catalogue = catalogue
        self._queues = queues
        # Whether the latest count was near enough to count_limit to count all of it again; None when nothing is known.
        self._is_countable: bool | None = None

    def read(self, session: Session) -> Iterable[Reading]:
        """One sample of the backlog. Raises: SampleError."""
        head = session.fetch_one("backlog_head", BacklogHead, batch=PROCESSOR_BATCH)
        groups = self._groups(session)
        self._note(head, session.now, jobs_in(groups))
        return (
            Reading(names.PENDING_TRUNCATED, jobs_in(groups) >= self._settings.count_limit),
            Reading(names.HEAD_BLOCKED_JOBS, head.blocked),
            *by_state(groups),
            *by_queue(groups, self._queues),
            *self._catalogue.advice(session, "job_outbox"),
        )

    def _note(self, head: BacklogHead, now: float, pending: int) -> None:
        if head.is_standby:
            self._departures.forget()
        else:
            self._departures.record_pending(head.ids.split("\x1f") if head.ids else ())
            is_whole = pending < self._settings.count_limit
            self._departures.balance.note(now, head.inserted, pending if is_whole else None)

    def _groups(self, session: Session) -> list[PendingGroup]:
        """All pending jobs, or the oldest so many. A backlog is expected to be about as long as it was."""
        limit = self._settings.count_limit
        slack = max(1, limit // SLACK)
        expected, self._is_countable = self._is_countable, None  # as it stays when counting fails
        if expected is not False:
            groups = self._all(session) if expected else self._part(session, "any", limit + slack)
            excess = jobs_in(groups) - limit
            if excess < slack:
                newest = self._part(session, "newest", excess) if excess > 0 else []
                self._is_countable = True
                return without(groups, newest)
        groups = self._part(session, "oldest", limit)
        self._is_countable = jobs_in(groups) < limit
        return groups

    def _all(self, session: Session) -> list[PendingGroup]:
        session.prefer_bitmap_scans()
        return merged(
            session.fetch(
                "backlog",
                PendingGroup,
                exhausted_attempts=self._settings.exhausted_attempts,
                latest=session.now + MAX_CLOCK_LEAD,
            )
        )

    def _part(self, session: Session, which: Literal["any", "oldest", "newest"], limit: int) -> list[PendingGroup]:
        session.prefer_bitmap_scans(bitmap_scans=which == "any")
        groups = session.fetch(
            "backlog_part",
            PendingGroup,
            count_limit=limit,
            exhausted_attempts=self._settings.exhausted_attempts,
            which=which,
            latest=session.now + MAX_CLOCK_LEAD,
        )
        return merged(groups)


def merged(groups: list[PendingGroup]) -> list[PendingGroup]:
    """One group for each queue and state: names of different bytes may read alike, as U+FFFD."""
    found: dict[tuple[str | None, str], PendingGroup] = {}
    for group in groups:
        key = group.queue, group.state
        same = found.get(key)
        if same is not None:
            known = [each for each in (same.oldest, group.oldest) if each is not None]
            group = replace(same, jobs=same.jobs + group.jobs, oldest=min(known, default=None))  # noqa: PLW2901
        found[key] = group
    return groups if len(found) == len(groups) else list(found.values())


def jobs_in(groups: Iterable[PendingGroup]) -> int:
    """How many jobs there are in all of them."""
    return sum(group.jobs for group in groups)


def without(groups: Iterable[PendingGroup], newest: Iterable[PendingGroup]) -> list[PendingGroup]:
    """Groups less their newest jobs: what is left of one is as old as it was."""
    fewer = {(group.queue, group.state): group.jobs for group in newest}
    left = (replace(group, jobs=group.jobs - fewer.get((group.queue, group.state), 0)) for group in groups)
    return [group for group in left if group.jobs]


def by_state(groups: Iterable[PendingGroup]) -> Iterator[Reading]:
    """Jobs and oldest job of each state."""
    groups = tuple(groups)
    for state in names.STATES:
        mine = [group for group in groups if group.state == state]
        yield Reading(names.PENDING_JOBS, sum(group.jobs for group in mine), (state,))
        if known := [group.oldest for group in mine if group.oldest is not None]:
            yield Reading(names.OLDEST_PENDING, min(known), (state,))


def by_queue(groups: Iterable[PendingGroup], queues: LabelLimit) -> Iterator[Reading]:
    """Jobs and oldest job of each queue, `other` for those beyond the label limit."""
    jobs: dict[str, int] = {}
    oldest: dict[str, float] = {}
    for group in groups:
        queue = queues(group.queue)
        jobs[queue] = jobs.get(queue, 0) + group.jobs
        if group.oldest is not None:
            oldest[queue] = min(oldest.get(queue, group.oldest), group.oldest)
    for queue, count in jobs.items():
        yield Reading(names.QUEUE_PENDING_JOBS, count, (queue,))
    for queue, at in oldest.items():
        yield Reading(names.QUEUE_OLDEST_PENDING, at, (queue,))
