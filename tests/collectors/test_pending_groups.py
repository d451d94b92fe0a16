"""From rows to groups of a queue and a state, and from these to readings."""

from __future__ import annotations

import pytest

from exporter.collectors.pending_groups import (
    AttemptGroup,
    PendingGroup,
    by_queue,
    by_queue_and_state,
    by_state,
    jobs_in,
    without,
)
from exporter.metrics.label_limit import LabelLimit
from tests.collectors.fake_database import values

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
    """Their oldest job is the oldest of all of them; a job without a queue is one of them. So with exhausted jobs."""
    groups = [*GROUPS, PendingGroup("c", "waiting", 10, 60.0), PendingGroup("d", "failing", 1, 40.0)]
    groups += [PendingGroup("a", "exhausted", 4, 90.0), PendingGroup("e", "exhausted", 1, 80.0)]
    assert values(by_queue(groups, LabelLimit(2))) == {
        ("outbox_queue_pending_jobs", "a"): 9,
        ("outbox_queue_pending_jobs", "b"): 3,
        ("outbox_queue_pending_jobs", "other"): 15,
        ("outbox_queue_exhausted_jobs", "a"): 4,
        ("outbox_queue_exhausted_jobs", "b"): 0,
        ("outbox_queue_exhausted_jobs", "other"): 4,
        ("outbox_queue_oldest_exhausted_timestamp_seconds", "a"): 90.0,
        ("outbox_queue_oldest_exhausted_timestamp_seconds", "other"): 80.0,
        ("outbox_queue_oldest_pending_timestamp_seconds", "a"): 90.0,
        ("outbox_queue_oldest_pending_timestamp_seconds", "b"): 50.0,
        ("outbox_queue_oldest_pending_timestamp_seconds", "other"): 40.0,
    }


@pytest.mark.parametrize(
    ("attempts", "state"),
    [(None, "waiting"), (-1, "waiting"), (0, "waiting"), (1, "failing"), (4, "failing"), (5, "exhausted")],
)
def test_the_state_follows_the_attempts(attempts, state):
    """At the bounds, of five attempts at most; without a number of attempts nothing was tried."""
    assert by_queue_and_state([AttemptGroup("x", attempts, 3, 9.0)], 5) == [PendingGroup("x", state, 3, 9.0)]


def test_groups_of_one_queue_and_state_are_merged():
    """Also where different names are decoded alike. The jobs add up, and the oldest time that is known is kept."""
    alike = [
        AttemptGroup("x", 1, 1, 3.0),
        AttemptGroup("x", 0, 1, None),
        AttemptGroup("x", 0, 2, 9.0),
        AttemptGroup("x", None, 1, 8.0),
        AttemptGroup("x", 4, 1, 2.0),
    ]
    assert by_queue_and_state(alike, 5) == [PendingGroup("x", "waiting", 4, 8.0), PendingGroup("x", "failing", 2, 2.0)]
    assert by_queue_and_state([AttemptGroup(None, 7, 1, None), AttemptGroup(None, 8, 1, None)], 5) == [
        PendingGroup(None, "exhausted", 2, None)
    ]
    assert by_queue_and_state([], 5) == []


def test_the_newest_jobs_are_subtracted_by_queue_and_state():
    """A group of which nothing remains is gone."""
    newest = [PendingGroup("b", "waiting", 2, 55.0), PendingGroup("a", "waiting", 1, 120.0)]
    assert without(GROUPS, newest) == [
        PendingGroup("a", "waiting", 4, 100.0),
        PendingGroup("b", "failing", 1, 70.0),
        PendingGroup(None, "exhausted", 3, None),
    ]
    assert jobs_in(GROUPS) == 11
