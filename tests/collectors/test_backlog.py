"""From groups of pending jobs to readings, without a database."""

from __future__ import annotations

import pytest

from exporter.collectors.backlog import BacklogCollector, PendingGroup, by_queue, by_state, jobs_in, merged, without
from exporter.collectors.departures import Departures
from exporter.config.settings import SamplingSettings
from exporter.metrics.label_limit import LabelLimit
from tests.collectors.fake_database import NOW, FakeClient, FakeIndexes, FakeSession, values

GROUPS = [
    PendingGroup("a", "waiting", 5, 100.0),
    PendingGroup("b", "waiting", 2, 50.0),
    PendingGroup("b", "failing", 1, 70.0),
    PendingGroup(None, "exhausted", 3, None),
]


def test_states_are_always_there_and_ages_where_a_time_is_known():
    """Jobs without a plausible time are pending without an age."""
    assert values(by_state(GROUPS)) == {
        ("outbox_pending_jobs", "waiting"): 7,
        ("outbox_oldest_pending_timestamp_seconds", "waiting"): 50.0,
        ("outbox_pending_jobs", "failing"): 1,
        ("outbox_oldest_pending_timestamp_seconds", "failing"): 70.0,
        ("outbox_pending_jobs", "exhausted"): 3,
    }
    assert values(by_state(())) == {
        ("outbox_pending_jobs", "waiting"): 0,
        ("outbox_pending_jobs", "failing"): 0,
        ("outbox_pending_jobs", "exhausted"): 0,
    }


def test_queues_beyond_the_limit_add_up_under_other():
    """Their oldest job is the oldest of all of them; a job without a queue is one of them."""
    groups = [*GROUPS, PendingGroup("c", "waiting", 10, 60.0), PendingGroup("d", "failing", 1, 40.0)]
    assert values(by_queue(groups, LabelLimit(2))) == {
        ("outbox_queue_pending_jobs", "a"): 5,
        ("outbox_queue_pending_jobs", "b"): 3,
        ("outbox_queue_pending_jobs", "other"): 14,
        ("outbox_queue_oldest_pending_timestamp_seconds", "a"): 100.0,
        ("outbox_queue_oldest_pending_timestamp_seconds", "b"): 50.0,
        ("outbox_queue_oldest_pending_timestamp_seconds", "other"): 40.0,
    }


def test_groups_of_one_decoded_name_are_merged():
    """The jobs add up, and the oldest time that is known is kept."""
    alike = [
        PendingGroup("x", "waiting", 1, None),
        PendingGroup("x", "waiting", 2, 9.0),
        PendingGroup("x", "failing", 1, 3.0),
    ]
    assert merged(alike) == [PendingGroup("x", "waiting", 3, 9.0), PendingGroup("x", "failing", 1, 3.0)]
    assert merged([PendingGroup("x", "waiting", 1, None), PendingGroup("x", "waiting", 1, None)]) == [
        PendingGroup("x", "waiting", 2, None)
    ]
    assert merged(GROUPS) == GROUPS


def test_the_newest_jobs_are_subtracted_by_queue_and_state():
    """A group of which nothing remains is gone."""
    newest = [PendingGroup("b", "waiting", 2, 55.0), PendingGroup("a", "waiting", 1, 120.0)]
    assert without(GROUPS, newest) == [
        PendingGroup("a", "waiting", 4, 100.0),
        PendingGroup("b", "failing", 1, 70.0),
        PendingGroup(None, "exhausted", 3, None),
    ]
    assert jobs_in(GROUPS) == 11


def backlog(pending: int, limit: int = 100) -> FakeSession:
    """So many waiting jobs, of which any statement counts as many as it may."""

    def counted(*, count_limit: int, **_: object) -> list[dict[str, object]]:
        jobs = min(pending, count_limit)
        return [{"queue": "q", "state": "waiting", "jobs": jobs, "oldest": NOW - 60}] if jobs else []

    head = {"blocked": 4, "ids": "1\x1f2", "is_standby": False, "inserted": 10}
    session = FakeSession({"backlog_head": head, "backlog": counted})
    collector = BacklogCollector(
        FakeClient(), FakeIndexes(), SamplingSettings(count_limit=limit), LabelLimit(20), Departures()
    )
    session.readings = values(collector.read(session))  # type: ignore[attr-defined]
    return session


@pytest.mark.parametrize(
    ("pending", "jobs", "truncated", "counts"),
    [
        (0, 0, 0, [("any", 105)]),
        (99, 99, 0, [("any", 105)]),
        (100, 100, 1, [("any", 105)]),
        (101, 100, 1, [("any", 105), ("newest", 1)]),
        (104, 100, 1, [("any", 105), ("newest", 4)]),
        (105, 100, 1, [("any", 105), ("oldest", 100)]),
        (5000, 100, 1, [("any", 105), ("oldest", 100)]),
    ],
)
def test_counting_stops_at_the_limit(pending, jobs, truncated, counts):
    """Slightly above it the newest are subtracted, further above the oldest are counted anew."""
    session = backlog(pending)
    assert [(each["which"], each["count_limit"]) for each in session.parameters("backlog")] == counts
    assert session.readings["outbox_pending_jobs", "waiting"] == jobs  # type: ignore[attr-defined]
    assert session.readings["outbox_pending_jobs_truncated",] == truncated  # type: ignore[attr-defined]
    assert session.readings["outbox_head_blocked_jobs",] == 4  # type: ignore[attr-defined]


def test_a_small_limit_is_exceeded_by_one_job():
    """A twentieth of it would be less than a job."""
    session = backlog(15, limit=10)
    assert [(each["which"], each["count_limit"]) for each in session.parameters("backlog")] == [
        ("any", 11),
        ("oldest", 10),
    ]


def test_statements_take_the_settings_and_the_clock_of_the_database():
    """Bitmap scans only where all rows are read; a created_at more than ten minutes ahead is ignored."""
    session = backlog(5000)
    assert session.parameters("backlog_head") == [{"batch": 100}]
    for each in session.parameters("backlog"):
        assert each["exhausted_attempts"] == 5
        assert each["latest"] == NOW + 600
    assert session.bitmap_scans == [True, False]


def test_a_backlog_is_expected_to_be_as_long_as_before():
    """Far beyond the limit it is not counted whole again, until it is seen below the limit."""
    pending = [5000]

    def counted(*, count_limit: int, **_: object) -> list[dict[str, object]]:
        return [{"queue": "q", "state": "waiting", "jobs": min(pending[0], count_limit), "oldest": None}]

    head = {"blocked": 0, "ids": "", "is_standby": False, "inserted": None}
    collector = BacklogCollector(
        FakeClient(), FakeIndexes(), SamplingSettings(count_limit=100), LabelLimit(20), Departures()
    )

    def counts(jobs: int) -> list[object]:
        pending[0] = jobs
        session = FakeSession({"backlog_head": head, "backlog": counted})
        tuple(collector.read(session))
        return [each["which"] for each in session.parameters("backlog")]

    assert [counts(jobs) for jobs in (5000, 5000, 100, 99, 7)] == [
        ["any", "oldest"],
        ["oldest"],
        ["oldest"],
        ["oldest"],
        ["any"],
    ]
