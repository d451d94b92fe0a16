"""The reference document's queries, unchanged, and the contract's other numbers by brute force.

Each function answers for one collector in the transaction that it is given: every series by name and labels, and
nothing for a series that must be absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from exporter.metrics.catalogue import OTHER
from exporter.metrics.label_limit import LabelLimit

Series = dict[tuple[str, tuple[str, ...]], float]

# "Monitoring Post-Migration", "Database Health Checks".
PENDING: Final = "SELECT COUNT(*) FROM job_outbox WHERE processed_at IS NULL;"
PROCESSED_LAST_HOUR: Final = """SELECT COUNT(*) FROM job_outbox
WHERE processed_at >= NOW() - INTERVAL '1 hour';"""
AVERAGE_PROCESSING_TIME: Final = """SELECT AVG(EXTRACT(EPOCH FROM (processed_at - created_at))) as avg_seconds
FROM job_outbox
WHERE processed_at IS NOT NULL
  AND created_at >= NOW() - INTERVAL '1 hour';"""
RECENT_EVENTS: Final = """SELECT event_type, COUNT(*) as count
FROM fsm_events
WHERE created_at >= NOW() - INTERVAL '1 hour'
GROUP BY event_type;"""
EVENTS_BY_SOURCE: Final = """SELECT created_by, COUNT(*) as count
FROM fsm_events
WHERE created_at >= NOW() - INTERVAL '1 hour'
GROUP BY created_by;"""
CACHE_SIZE: Final = "SELECT COUNT(*) FROM idempotency_keys;"

_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# exporter.metrics.odd_rows.AHEAD, written out: the document's queries have no upper bound, ours has this one.
_MAX_AHEAD: Final = timedelta(minutes=10)
_LATEST_SQL: Final = "NOW() + INTERVAL '10 minutes'"


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row of job_outbox, as far as a watcher may read it."""

    queue_name: str
    created_at: datetime
    processed_at: datetime | None
    attempts: int
    last_attempt_at: datetime | None

    @property
    def state(self) -> str:
        """The contract's states of a pending job."""
        if self.attempts <= 0:
            return "waiting"
        return "failing" if self.attempts <= 4 else "exhausted"


def backlog(connection: psycopg.Connection[Any], queues: LabelLimit) -> Series:
    """Pending by state and queue; the documented count is the sum."""
    now = _now(connection)
    pending = sorted(
        (job for job in _jobs(connection) if job.processed_at is None), key=lambda job: (job.created_at, job.attempts)
    )
    assert len(pending) == _value(connection, PENDING)
    expected: Series = {
        ("outbox_pending_jobs_truncated", ()): 0,
        **{("outbox_pending_jobs", (state,)): 0 for state in ("waiting", "failing", "exhausted")},
    }
    for job in pending:
        expected["outbox_pending_jobs", (job.state,)] += 1
        if _plausible(job.created_at, now):
            expected.setdefault(("outbox_oldest_pending_timestamp_seconds", (job.state,)), _unix(job.created_at))
    for queue, rows in _grouped(pending, lambda job: _published(job.queue_name, queues)).items():
        expected["outbox_queue_pending_jobs", (queue,)] = len(rows)
        if known := [job.created_at for job in rows if _plausible(job.created_at, now)]:
            expected["outbox_queue_oldest_pending_timestamp_seconds", (queue,)] = _unix(known[0])
        exhausted = [job for job in rows if job.state == "exhausted"]
        expected["outbox_queue_exhausted_jobs", (queue,)] = len(exhausted)
        if known := [job.created_at for job in exhausted if _plausible(job.created_at, now)]:
            expected["outbox_queue_oldest_exhausted_timestamp_seconds", (queue,)] = _unix(known[0])
    assert sum(expected["outbox_pending_jobs", (s,)] for s in ("waiting", "failing", "exhausted")) == len(pending)
    return expected


def head_blocked(connection: psycopg.Connection[Any]) -> set[float]:
    """The possible numbers of failing rows among the oldest 100 pending: rows of one instant have no order."""
    pending = sorted((j for j in _jobs(connection) if j.processed_at is None), key=lambda job: job.created_at)
    if len(pending) <= 100:
        return {float(sum(job.attempts > 0 for job in pending))}
    last = pending[99].created_at
    sure = [job for job in pending if job.created_at < last]
    tied = [job.attempts > 0 for job in pending if job.created_at == last]
    places, failing = 100 - len(sure), sum(tied)
    base = sum(job.attempts > 0 for job in sure)
    return {float(base + n) for n in range(max(0, places - (len(tied) - failing)), min(places, failing) + 1)}


def last_hour(connection: psycopg.Connection[Any], queues: LabelLimit) -> Series:
    """The jobs of the last hour, and the age of the oldest record."""
    now, jobs = _now(connection), list(_jobs(connection))
    done = [job for job in jobs if job.processed_at is not None and now - _HOUR <= job.processed_at <= now + _MAX_AHEAD]
    failing = [
        job
        for job in jobs
        if job.processed_at is None
        and job.attempts > 0
        and job.last_attempt_at
        and now - _HOUR <= job.last_attempt_at <= now + _MAX_AHEAD
    ]
    processed = PROCESSED_LAST_HOUR.replace(";", f" AND processed_at <= {_LATEST_SQL};")
    expected: Series = {("outbox_last_hour_processed_jobs", ()): float(_value(connection, processed))}
    assert len(done) == expected["outbox_last_hour_processed_jobs", ()]
    average = "outbox_last_hour_processing_time_avg_seconds"
    documented = AVERAGE_PROCESSING_TIME.replace(
        ";", f" AND created_at <= {_LATEST_SQL} AND processed_at <= {_LATEST_SQL};"
    )
    if (seconds := _value(connection, documented)) is not None:
        expected[average, ("created",)] = float(seconds)
    # The documented average over the other cohort.
    query = documented.replace("created_at >= NOW()", "processed_at >= NOW()")
    if (seconds := _value(connection, query)) is not None:
        expected[average, ("processed",)] = float(seconds)
    if tried := len(failing) + len(done):
        expected["outbox_last_hour_failure_ratio", ()] = len(failing) / tried
    for queue, rows in _grouped(done, lambda job: _published(job.queue_name, queues)).items():
        expected["outbox_queue_last_hour_processed_jobs", (queue,)] = len(rows)
    for queue, rows in _grouped([*done, *failing], lambda job: _published(job.queue_name, queues)).items():
        still = sum(job.processed_at is None for job in rows)
        expected["outbox_queue_last_hour_failure_ratio", (queue,)] = still / len(rows)
    if kept := [job.processed_at for job in jobs if job.processed_at and job.processed_at <= now + _MAX_AHEAD]:
        expected["outbox_oldest_processed_timestamp_seconds", ()] = _unix(min(kept))
    ahead = sum(_leads(job, job in done, now) for job in jobs)
    return expected | _odd("job_outbox", ahead)


def events(connection: psycopg.Connection[Any], types: LabelLimit) -> Series:
    """Events of the last hour by source and by type."""
    by_source, recent = (
        query.replace("\nGROUP", f"\n  AND created_at <= {_LATEST_SQL}\nGROUP").encode()
        for query in (EVENTS_BY_SOURCE, RECENT_EVENTS)
    )
    sources = {"API": 0, "QUEUE": 0, "WORKER": 0, **dict(connection.execute(by_source).fetchall())}
    by_type: Counter[str] = Counter()
    for event, count in connection.execute(recent).fetchall():
        by_type[_published(event, types)] += count
    ahead = _value(connection, f"SELECT count(*) FROM fsm_events WHERE created_at > {_LATEST_SQL}")
    return {
        **_odd("fsm_events", ahead),
        **{("outbox_last_hour_fsm_events", (source,)): count for source, count in sources.items()},
        **{("outbox_last_hour_fsm_events_by_type", (event,)): count for event, count in by_type.items()},
    }


def idempotency(connection: psycopg.Connection[Any]) -> Series:
    """Keys by state; the documented cache size is the sum."""
    now = _now(connection)
    expiries = [expires for (expires,) in connection.execute("SELECT expires_at FROM idempotency_keys").fetchall()]
    expired = [expires for expires in expiries if expires <= now]
    assert len(expiries) == _value(connection, CACHE_SIZE)
    expected: Series = {
        ("outbox_idempotency_keys", ("live",)): len(expiries) - len(expired),
        ("outbox_idempotency_keys", ("expired",)): len(expired),
    }
    if expired:
        expected["outbox_idempotency_oldest_expired_timestamp_seconds", ()] = _unix(min(expired))
    return expected


def _plausible(time: datetime, now: datetime) -> bool:
    return _EPOCH < time <= now + _MAX_AHEAD


def _leads(job: JobRow, done: bool, now: datetime) -> bool:
    """Whether a time of the job that a number needs is too far ahead of the clock."""
    latest = now + _MAX_AHEAD
    if job.processed_at is None:
        attempted = job.attempts > 0 and job.last_attempt_at is not None and job.last_attempt_at > latest
        return attempted or job.created_at > latest
    return job.processed_at > latest or (done and job.created_at > latest)


def _odd(table: str, ahead: int) -> Series:
    return {("outbox_odd_rows", (table, "out_of_range")): ahead} if ahead else {}


def _jobs(connection: psycopg.Connection[Any]) -> Iterable[JobRow]:
    with connection.cursor(row_factory=class_row(JobRow)) as cursor:
        query = "SELECT queue_name, created_at, processed_at, attempts, last_attempt_at FROM job_outbox"
        return cursor.execute(query).fetchall()


def _grouped(jobs: Iterable[JobRow], label: Callable[[JobRow], str]) -> dict[str, list[JobRow]]:
    groups: dict[str, list[JobRow]] = {}
    for job in jobs:
        groups.setdefault(label(job), []).append(job)
    return groups


def _published(value: str, labels: LabelLimit) -> str:
    """The published name of a value, without occupying a place."""
    return value if value in labels._values else OTHER


def _value(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def _now(connection: psycopg.Connection[Any]) -> datetime:
    now: datetime = _value(connection, "SELECT now()")
    return now


def _unix(time: datetime) -> float:
    """Exactly rounded, as PostgreSQL's cast is."""
    return (time - _EPOCH) / timedelta(microseconds=1) / 1_000_000
