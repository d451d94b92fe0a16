"""Randomised content of the three tables: the ordinary, the awkward and the exactly-on-the-edge.

Times are microseconds relative to now(), so that rows written and read in one transaction lie on the edges to the
microsecond.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
# exporter.collectors.watermark.SETTLING, written out: the margin by which the application's clock may lag.
LAG: Final = 600 * SECOND

# On, just before and just after the start of the last hour; the present; the settling margin before the hour.
EDGES: Final = (-HOUR, -HOUR - 1, -HOUR + 1, 0, 1, -HOUR - LAG, -HOUR - LAG + 1, -HOUR + 1000, -HOUR - 1000)


@dataclass(frozen=True, slots=True)
class Job:
    """One row of job_outbox."""

    course: int
    queue: str
    created: int
    processed: int | None = None
    attempts: int = 0
    error: str | None = None
    attempted: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One row of idempotency_keys."""

    course: int | None
    expires: int


@dataclass(frozen=True, slots=True)
class Event:
    """One row of fsm_events."""

    course: int
    event: str
    source: str
    created: int


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of the tables; courses whose number is in `deleted` are deleted afterwards, which cascades."""

    jobs: list[Job] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)


COURSES: Final = 6


def content(rng: random.Random, *, around_edges: int = 0) -> Content:
    """One case. `around_edges`: so many microseconds may pass before it is read; rows are strewn over them."""
    sizes = [rng.choice((0, 1, 3, 30, 120)) for _ in range(3)]
    queues = [f"queue {number}" for number in range(rng.choice((1, 3, 25, 40)))]
    times = _Times(rng, around_edges)
    return Content(
        jobs=[_job(rng, times, rng.choice(queues)) for _ in range(sizes[0])],
        keys=[Key(rng.choice((None, *range(COURSES))), times.near_edge(2 * DAY)) for _ in range(sizes[1])],
        events=[_event(rng, times) for _ in range(sizes[2])],
        deleted=rng.sample(range(COURSES), rng.choice((0, 0, 1, 2))),
    )


class _Times:
    def __init__(self, rng: random.Random, around_edges: int) -> None:
        self._rng = rng
        self._around = around_edges

    def near_edge(self, reach: int = 2 * HOUR) -> int:
        """A time on or near an edge, in the last hours, or anywhere within `reach`."""
        kind = self._rng.randrange(4)
        if kind == 0:
            return self._rng.choice(EDGES) + self._rng.randint(0, self._around)
        if kind == 1:
            return -self._rng.randrange(2 * HOUR)
        if kind == 2:
            return -self._rng.randrange(reach)
        return self._rng.randint(-reach, reach // 10)


def _job(rng: random.Random, times: _Times, queue: str) -> Job:
    kind = rng.choice((_waiting, _waiting, _poison, _reset, _lagging, _delayed, _recovered, _processed))
    return kind(rng, times, rng.randrange(COURSES), queue)


def _waiting(_: random.Random, times: _Times, course: int, queue: str) -> Job:
    return Job(course, queue, times.near_edge())


def _poison(rng: random.Random, times: _Times, course: int, queue: str) -> Job:
    """Failed with an old or a new error, or with empty columns."""
    error, attempted = (
        rng.choice(("ECONNREFUSED", None)),
        rng.choice((times.near_edge(), times.near_edge(), None)),
    )
    return Job(course, queue, times.near_edge(), None, rng.randint(1, 8), error, attempted)


def _reset(rng: random.Random, times: _Times, course: int, queue: str) -> Job:
    """Attempts set back by hand: not failing, whatever the other columns are."""
    return Job(course, queue, times.near_edge(), None, rng.choice((0, -1)), "old", times.near_edge())


def _lagging(rng: random.Random, times: _Times, course: int, queue: str) -> Job:
    """The application's clock is behind, up to the margin."""
    created = times.near_edge()
    return Job(course, queue, created, created - rng.choice((1, 1000, SECOND, LAG, rng.randrange(LAG))))


def _delayed(rng: random.Random, times: _Times, course: int, queue: str) -> Job:
    processed = times.near_edge()
    return Job(course, queue, processed - rng.randrange(30 * DAY), processed)


def _recovered(rng: random.Random, times: _Times, course: int, queue: str) -> Job:
    """A success after a failure keeps its error."""
    created = times.near_edge()
    return Job(course, queue, created, created + rng.randrange(HOUR), rng.randint(1, 4), "ECONNRESET", created)


def _processed(rng: random.Random, times: _Times, course: int, queue: str) -> Job:
    created = times.near_edge()
    return Job(course, queue, created, created + rng.choice((0, 1, rng.randrange(2 * SECOND), HOUR)))


def _event(rng: random.Random, times: _Times) -> Event:
    event = rng.choice(("FSM_INITIALIZED", "FSM_INITIALIZED", f"TYPE_{rng.randrange(30)}"))
    return Event(rng.randrange(COURSES), event, rng.choice(("API", "API", "WORKER", "QUEUE")), times.near_edge(3 * DAY))


_SURROUNDINGS = """
    WITH organization AS (INSERT INTO public.organizations (name) VALUES ('o') RETURNING id),
         owner AS (INSERT INTO auth.users DEFAULT VALUES RETURNING id)
    INSERT INTO public.courses (id, title, slug, user_id, organization_id)
    SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'c', 'c' || n, owner.id, organization.id
    FROM generate_series(0, %s) AS n, organization, owner
"""
_COURSE = "('00000000-0000-0000-0000-' || lpad(course::text, 12, '0'))::uuid"
_JOBS = f"""
    INSERT INTO public.job_outbox
        (entity_id, queue_name, created_at, processed_at, attempts, last_error, last_attempt_at)
    SELECT {_COURSE}, queue, now() + created * us, now() + processed * us, attempts, error, now() + attempted * us
    FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::bigint[])
        AS job (course, queue, created, processed, attempts, error, attempted),
        (SELECT interval '1 microsecond') AS unit (us)
"""
_KEYS = f"""
    INSERT INTO public.idempotency_keys (key, entity_id, expires_at)
    SELECT 'key ' || n, {_COURSE}, now() + expires * interval '1 microsecond'
    FROM unnest(%s::int[], %s::bigint[]) WITH ORDINALITY AS key (course, expires, n)
"""
_EVENTS = f"""
    INSERT INTO public.fsm_events (entity_id, event_type, created_by, created_at)
    SELECT {_COURSE}, event, source, now() + created * interval '1 microsecond'
    FROM unnest(%s::int[], %s::text[], %s::text[], %s::bigint[]) AS event (course, event, source, created)
"""


def write(connection: psycopg.Connection[Any], content: Content) -> None:
    """Replaces everything in the tables, courses included. In a transaction of the caller's, or in one of its own."""
    with connection.transaction():
        connection.execute("TRUNCATE public.organizations, auth.users CASCADE")
        connection.execute(_SURROUNDINGS, (COURSES - 1,))
        jobs, keys, events = content.jobs, content.keys, content.events
        connection.execute(
            _JOBS,
            (
                [job.course for job in jobs],
                [job.queue for job in jobs],
                [job.created for job in jobs],
                [job.processed for job in jobs],
                [job.attempts for job in jobs],
                [job.error for job in jobs],
                [job.attempted for job in jobs],
            ),
        )
        connection.execute(_KEYS, ([key.course for key in keys], [key.expires for key in keys]))
        columns = [[event.course for event in events], [event.event for event in events]]
        columns += [[event.source for event in events], [event.created for event in events]]
        connection.execute(_EVENTS, columns)
        for course in content.deleted:
            connection.execute("DELETE FROM public.courses WHERE slug = %s", (f"c{course}",))


def quiet(size: int = 40, seed: int = 1) -> Content:
    """Content without a row near an edge: read a minute later it gives the same numbers."""
    rng = random.Random(seed)
    full = Content()
    while len(full.jobs) < size:
        drawn = content(rng)
        full.jobs.extend(job for job in drawn.jobs if all(map(_far, (job.created, job.processed, job.attempted))))
        full.keys.extend(key for key in drawn.keys if _far(key.expires))
        full.events.extend(event for event in drawn.events if _far(event.created))
    return full


def _far(time: int | None) -> bool:
    minute = 60 * SECOND
    return time is None or all(abs(time - edge) > minute for edge in (0, -HOUR, -LAG, -HOUR - LAG))
