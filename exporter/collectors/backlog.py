"""Pending jobs by state and queue, and the oldest of each: the signals that most alerts of severity page rest on."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from exporter.collectors.completions import STATEMENTS, Completions
from exporter.collectors.conservation import RECENT, Departed, PendingJobs
from exporter.collectors.database import DatabaseCollector
from exporter.collectors.pending_groups import (
    AttemptGroup,
    PendingGroup,
    by_queue,
    by_queue_and_state,
    by_state,
    jobs_by_queue,
    jobs_in,
    without,
)
from exporter.collectors.retention import RowRetention
from exporter.config.settings import SamplingSettings
from exporter.database import DatabaseClient, Session, indexes, relations
from exporter.database.indexes import IndexCatalogue
from exporter.metrics import catalogue
from exporter.metrics.availability import unknown_states
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.odd_rows import MAX_CLOCK_LEAD
from exporter.metrics.readings import Reading

# The deployed processor fetches the oldest 100 pending rows per poll.
PROCESSOR_BATCH = 100
# Of a longer backlog only so many of the oldest are read one by one: two batches.
HEAD = 200
# A backlog of fewer jobs is read once, by one statement, which sorts its rows. Of a longer one, sorting all of them
# would take longer than reading the oldest again.
SHORT_BACKLOG = 5000
# Of a longer backlog at most so many of those created lately: twenty seconds of a busy outbox are as many.
RECENT_LIMIT = 5000
# A backlog that exceeds count_limit by less than this share of it is counted whole, and its newest jobs are subtracted:
# with a million jobs, half the time of counting the oldest in their order.
SLACK = 1 / 20

# Jobs that left the backlog are looked up so often where that reads the whole table. A library that deletes jobs at
# once does so with each, and one that is found makes the figures of the last hour unknown for an hour. Seconds.
LOOKUP_INTERVAL = 600.0


@dataclass(frozen=True, slots=True)
class BacklogHead:
    """The one row of sql/backlog_head.sql; `queues` to `newer_ids` have an entry per group."""

    jobs: int
    blocked: int
    queues: list[str | None]
    attempts: list[int | None]
    counts: list[int]
    oldest: list[float | None]
    oldest_ids: list[str]
    newer_ids: list[str]
    recent_queues: list[str | None]
    recent_ids: list[str]
    is_standby: bool
    inserted: int | None

    @property
    def groups(self) -> Iterator[AttemptGroup]:
        """The jobs that were read, by queue and attempts."""
        return map(AttemptGroup, self.queues, self.attempts, self.counts, self.oldest)


@dataclass(frozen=True, slots=True)
class OtherJobs:
    """One row of sql/other_jobs.sql: jobs of a queue that are running, scheduled or exhausted. Units: Unix seconds."""

    state: str
    queue: str | None
    jobs: int
    oldest: float | None


class BacklogCollector(DatabaseCollector):
    """Pending jobs by state and by queue, and the indexes of the outbox that are missing.

    Shape: every state that the mapping tells, always; ages and queues only where there are jobs. An empty outbox has
    backlog 0 and no oldest job, as has a state whose jobs have no believable time.
    Source: sql/backlog_head.sql; sql/backlog.sql for a long backlog.
    """

    name = "backlog"
    statements = ("indexes", "backlog_head", "backlog", "other_jobs", *STATEMENTS)

    def __init__(
        self,
        database: DatabaseClient,
        index_catalogue: IndexCatalogue,
        settings: SamplingSettings,
        queues: LabelLimit,
        completions: Completions,
    ) -> None:
        mapping = database.mapping
        reads = relations.reads(mapping, "pending_jobs", "processed_jobs", "other_jobs", "all_jobs")
        super().__init__(database, index_catalogue, reads, indexes.pending(mapping))
        self._mapping = mapping
        unknown = unknown_states(mapping)
        self._states = tuple(state for state in catalogue.STATES if state not in unknown)
        # Where the jobs themselves tell, or nothing does, an attempt more or less does not.
        is_counted = not mapping.has_exhausted and "exhausted" not in unknown
        self._exhausted_attempts = settings.exhausted_attempts if is_counted else math.inf
        self._settings = settings
        self._completions = completions
        # Of the latest sample, where jobs may leave the backlog without being processed or removed.
        self._listed: frozenset[str] = frozenset()
        # When jobs of such a sample were last looked up, Unix seconds.
        self._looked_up_at = -math.inf
        self._conservation = completions.conservation
        # The start of the latest sample, Unix seconds.
        self._sampled_at: float | None = None
        self._queues = queues
        # Whether the latest backlog was short: all of it is read, in any order. Unknown after a failure, then False.
        self.bitmap_scans = False
        # Whether the latest backlog exceeded count_limit by more than SLACK. Unknown after a failure, then False.
        self._is_long = False

    def read(self, session: Session) -> Iterable[Reading]:
        """One sample of the backlog. Raises: SampleError."""
        rows = SHORT_BACKLOG if self.bitmap_scans else HEAD
        self.bitmap_scans = False
        since = (session.now if self._sampled_at is None else self._sampled_at) - RECENT
        head = session.fetch_one(
            "backlog_head",
            BacklogHead,
            count_limit=rows,
            batch=PROCESSOR_BATCH,
            latest=session.now + MAX_CLOCK_LEAD,
            since=since,
            recent_limit=RECENT_LIMIT,
            lists_recent=self._conservation.needs_number,
        )
        is_whole = head.jobs < min(rows, self._settings.count_limit)
        groups = self._named(head.groups) if is_whole else self._groups(session)
        pending = jobs_in(groups)
        self.bitmap_scans = pending < SHORT_BACKLOG
        others = self._others(session)
        groups += [
            PendingGroup(each.queue, each.state, each.jobs, each.oldest) for each in others if each.state == "exhausted"
        ]
        is_truncated = max(pending, sum(each.jobs for each in others)) >= self._settings.count_limit
        readings = (
            Reading(catalogue.PENDING_TRUNCATED, is_truncated),
            Reading(catalogue.HEAD_BLOCKED_JOBS, head.blocked),
            *by_state(groups, self._states),
            *by_queue(groups, self._queues),
            *(not_pending(others) if self._mapping.has_other_states else ()),
            *self._advice(session),
        )
        jobs = listed(head, self._queues, since, is_whole=head.jobs < rows)
        if self._conservation.retention is None:
            self._record(session, jobs, None if is_truncated else groups)
            self._conservation.balance.note(session.now, head.inserted, None if is_truncated else pending)
        else:
            self._find_vanished(session, jobs, self._conservation.retention)
        self._sampled_at = session.now
        return readings

    def _record(self, session: Session, jobs: PendingJobs, groups: Iterable[PendingGroup] | None) -> None:
        """Compare with the sample before; where one of them does not list all jobs, by number.

        That takes the jobs that are processed in the same snapshot. The statement is sent only where the collector of
        processed jobs could run it.
        """
        if session.is_standby:
            self._conservation.forget()
            return
        is_partial = self._conservation.needs_number or not jobs.is_whole
        is_current = is_partial and self._completions.is_current
        if is_current:
            self._completions.read(session)
            jobs = replace(jobs, jobs=None if groups is None else jobs_by_queue(groups, self._queues))
            if self._conservation.lacks_jobs(jobs):
                self._completions.read(session, check=True)
        self._completions.reopen(self._conservation.record_pending(jobs, is_current=is_current))

    def _advice(self, session: Session) -> Iterator[Reading]:
        for table in filter(None, (self._mapping.table, self._mapping.events_table)):
            yield from self._index_catalogue.advice(session, table)

    def _others(self, session: Session) -> list[OtherJobs]:
        """The jobs that are neither pending nor processed."""
        if not self._mapping.has_other_states:
            return []
        limit, latest = self._settings.count_limit, session.now + MAX_CLOCK_LEAD
        return session.fetch("other_jobs", OtherJobs, count_limit=limit, latest=latest)

    def _find_vanished(self, session: Session, jobs: PendingJobs, retention: RowRetention) -> None:
        """Look up the jobs of the latest sample that are not pending any more: whether each still has a row."""
        left = sorted(self._listed.difference(jobs.listed))
        self._listed = frozenset() if session.is_standby else frozenset(jobs.oldest)
        is_expected = self._mapping.is_removed_when_processed or not self._mapping.has_processed
        if not left or is_expected or session.is_standby or not self._is_lookup_due(session.now):
            return
        self._looked_up_at = session.now
        if len(session.fetch("departed", Departed, ids=left)) < len(left):
            retention.note_vanished(session.now)

    def _is_lookup_due(self, now: float) -> bool:
        """Jobs with one id are found by their key. Those with several are not, so the whole table is read for them."""
        return len(self._mapping.id) == 1 or not 0 <= now - self._looked_up_at < LOOKUP_INTERVAL

    def _groups(self, session: Session) -> list[PendingGroup]:
        """All pending jobs, or the oldest `count_limit` of them. The backlog is expected to be as long as before."""
        limit = self._settings.count_limit
        slack = max(1, int(limit * SLACK))
        is_long, self._is_long = self._is_long, False
        if not is_long:
            groups = self._count(session, "any", limit + slack)
            excess = jobs_in(groups) - limit
            if excess < slack:
                return without(groups, self._count(session, "newest", excess)) if excess > 0 else groups
        groups = self._count(session, "oldest", limit)
        self._is_long = jobs_in(groups) >= limit
        return groups

    def _count(self, session: Session, which: Literal["any", "oldest", "newest"], limit: int) -> list[PendingGroup]:
        session.prefer_bitmap_scans(bitmap_scans=which == "any")
        latest = session.now + MAX_CLOCK_LEAD
        return self._named(session.fetch("backlog", AttemptGroup, count_limit=limit, which=which, latest=latest))

    def _named(self, groups: Iterable[AttemptGroup]) -> list[PendingGroup]:
        return by_queue_and_state(groups, self._exhausted_attempts)


def listed(head: BacklogHead, queues: LabelLimit, since: float, *, is_whole: bool) -> PendingJobs:
    """The jobs of a sample by id. `since` in Unix seconds; without effect where more were created than are listed."""
    recent = _by_id(head.recent_queues, head.recent_ids, queues)
    if len(recent) >= RECENT_LIMIT:
        recent, since = {}, math.inf
    oldest, others = (_by_id(head.queues, ids, queues) for ids in (head.oldest_ids, head.newer_ids))
    return PendingJobs(oldest, others, recent, since, is_whole)


def _by_id(names: Iterable[str | None], ids: Iterable[str], queues: LabelLimit) -> dict[str, str]:
    """The queue of each job."""
    return {
        job: queue
        for queue, jobs in zip(map(queues.name, names), ids, strict=True)
        if jobs
        for job in jobs.split("\x1f")
    }


def not_pending(others: Iterable[OtherJobs]) -> Iterator[Reading]:
    """Jobs that are not due yet, and jobs that a worker has."""
    jobs: Counter[str] = Counter()
    for each in others:
        jobs[each.state] += each.jobs
    yield Reading(catalogue.SCHEDULED_JOBS, jobs["scheduled"])
    yield Reading(catalogue.RUNNING_JOBS, jobs["running"])
