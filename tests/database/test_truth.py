"""Every gauge is the documented query's answer, exactly, whatever the tables hold."""

import random
from collections.abc import Iterator

import pytest

from exporter.collectors.events import EventsPart, fetch_courses, fetch_groups
from exporter.collectors.kept_hour import NOTHING
from exporter.lab.migrate import Schema
from exporter.lab.postgres.cluster import Cluster
from tests import postgres
from tests.database import rows
from tests.database.documented import Series
from tests.database.roles import monitoring_role
from tests.database.sampling import WritableSession, compare, compare_all, everything, sampler
from tests.postgres import Database

# Randomised cases of each kind, per server.
EXACT, REAL = 150, 40
# Between writing and sampling pass a few milliseconds: edge rows are strewn over them, in microseconds.
DELAY = 50_000


@pytest.fixture(params=list(Schema), ids=lambda schema: schema.value)
def variant(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Database]:
    """The documented schema and the deployed one, on both servers."""
    with postgres.cloned(cluster, request.param) as database:
        yield database


def test_on_the_edges_to_the_microsecond(variant):
    """Rows are written and sampled in one transaction, so `now() - 1 hour` is hit exactly, and missed by one."""
    rng = random.Random(2025)
    with sampler(variant.dsn()) as sampling, variant.connect() as connection:
        # Without statistics the documented queries look so expensive that they are compiled: five times as long.
        connection.execute("SET jit = off")
        for _ in range(EXACT):
            with connection.transaction(force_rollback=True):
                rows.write(connection, rows.content(rng))
                session = WritableSession(connection)
                for collector in sampling.database_collectors:
                    compare(sampling, collector, session)


def test_both_ways_of_counting_events_give_the_same(variant):
    """Course by course or in one sweep: the plan is a matter of cost, never of the answer."""
    rng = random.Random(1900)
    with variant.connect() as connection:
        for _ in range(EXACT):
            with connection.transaction(force_rollback=True):
                rows.write(connection, rows.content(rng))
                session = WritableSession(connection)
                since = session.now - rng.choice((600, 600, 3600, 7200, 0))
                until = since + rng.choice((0, 0, 300, 600))
                swept, stepped = (event_groups(session, since, until, by_course=way) for way in (False, True))
                assert swept == stepped


def event_groups(
    session: WritableSession, since: float, until: float, *, by_course: bool
) -> dict[tuple[str | None, str | None], tuple[int, int, int, dict[str, float]]]:
    """The result of either way of counting events, unordered."""
    part = EventsPart(fetch_courses(session) if by_course else None, early=True, kept=NOTHING)
    groups = fetch_groups(session, part, since, until)
    assert len({(group.source, group.event) for group in groups}) == len(groups)
    assert by_course or all(sum(group.slot_events or ()) == group.last_hour for group in groups)
    found: dict[tuple[str | None, str | None], tuple[int, int, int, dict[str, float]]] = {}
    for group in groups:
        recent = dict(zip(group.recent_ids or (), group.recent_at or (), strict=True))
        found[group.source, group.event] = group.last_hour, group.settled_events, group.settled_micros, recent
    return {key: value for key, value in found.items() if value != (0, 0, 0, {})}


def test_through_the_real_client(variant):
    """As the program samples: read-only, repeatable read, visibility proved first."""
    rng = random.Random(1118)
    with sampler(variant.dsn()) as sampling, variant.connect() as connection:
        for _ in range(REAL):
            rows.write(connection, rows.content(rng, around_edges=DELAY))
            compare_all(sampling)


def test_as_the_monitoring_role(variant):
    """Least privilege sees the same truth."""
    rng = random.Random(42)
    with monitoring_role(variant) as role, sampler(variant.dsn(role)) as sampling, variant.connect() as connection:
        for _ in range(REAL):
            rows.write(connection, rows.content(rng, around_edges=DELAY))
            compare_all(sampling)


def test_the_cases_are_awkward_enough():
    """The generator produces the cases of the truth test."""
    rng = random.Random(2025)
    cases = [rows.content(rng) for _ in range(EXACT)]
    jobs = [job for case in cases for job in case.jobs]
    done = [job for job in jobs if job.processed is not None]
    assert any(job.processed is not None and job.processed < job.created for job in done)
    assert any(job.processed is not None and job.processed - job.created > rows.DAY for job in done)
    assert any(job.created == -rows.HOUR and job.processed == -rows.HOUR - rows.LAG for job in done)
    assert any(job.error and job.attempts for job in done)
    assert any(job.attempts and job.attempted is None for job in jobs)
    for edge in (-rows.HOUR, -rows.HOUR - 1):
        assert any(job.created == edge for job in jobs)
        assert any(job.processed == edge for job in jobs)
        assert any(job.attempted == edge for job in jobs if job.processed is None)
        assert any(event.created == edge for case in cases for event in case.events)
    assert any(key.expires == 0 for case in cases for key in case.keys)
    assert any(len({job.queue for job in case.jobs}) > 20 for case in cases)
    assert any(case.deleted and case.jobs for case in cases)
    assert any(not case.jobs for case in cases)


def test_an_empty_outbox(database):
    """Backlog 0 in three states, and neither an age nor an average nor a ratio."""
    nothing: Series = {
        **{("outbox_pending_jobs", (state,)): 0 for state in ("waiting", "failing", "exhausted")},
        ("outbox_pending_jobs_truncated", ()): 0,
        ("outbox_head_blocked_jobs", ()): 0,
        ("outbox_last_hour_processed_jobs", ()): 0,
        **{("outbox_last_hour_fsm_events", (source,)): 0 for source in ("API", "QUEUE", "WORKER")},
        **{("outbox_idempotency_keys", (state,)): 0 for state in ("live", "expired")},
    }
    assert everything(database.dsn()) == nothing


def test_a_clock_further_behind_than_the_margin_is_the_one_exception(embedded_database):
    """A job processed more than ten minutes before its creation leaves the documented average: a stated limit."""
    late = rows.Content(jobs=[rows.Job(0, "q", -rows.HOUR + 1_000_000 * 60, -rows.HOUR - rows.LAG - 1_000_000)])
    with embedded_database.connect() as connection:
        rows.write(connection, late)
    found = everything(embedded_database.dsn())
    assert not [name for name, _ in found if name == "outbox_last_hour_processing_time_avg_seconds"]


def test_another_schema(embedded_database):
    """The tables may live in a schema of any name, capitals included."""
    with embedded_database.connect() as connection:
        rows.write(connection, rows.quiet())
        before = everything(embedded_database.dsn())
        connection.execute('ALTER SCHEMA public RENAME TO "Outbox"')
    assert everything(embedded_database.dsn(), schema="Outbox") == before
