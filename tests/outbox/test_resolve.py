"""The mapping of a configuration: the default, a profile, one's own, or a profile with changes."""

import pytest

from exporter.outbox.mapping import DEFAULT, OutboxMapping
from exporter.outbox.resolve import MappingProblem, resolve

OWN = {"table": "jobs", "id": ("id",), "processed": "done"}
STATUS = {"table": "jobs", "id": ("id",), "status": "state", "status_pending": ("new",), "status_processed": ("ok",)}


@pytest.mark.parametrize(("profile", "given"), [(None, {}), (None, {"table": None}), ("default", {})])
def test_without_keys_it_is_the_default(profile, given):
    """Today's tables."""
    assert resolve(profile, given) == DEFAULT


def test_a_table_of_ones_own():
    """What is not named is not known."""
    assert resolve(None, OWN) == OutboxMapping("jobs", id=("id",), processed="done")


def test_a_profile_with_changes():
    """For a library with a prefix."""
    found = resolve("procrastinate", {"table": "app_jobs", "schema": "app"})
    assert (found.table, found.schema, found.status) == ("app_jobs", "app", "status")


def test_the_default_with_changes():
    """Other names of the same columns."""
    assert resolve("default", {"queue": "topic"}).queue == "topic"


@pytest.mark.parametrize(
    ("profile", "given", "key", "message"),
    [
        ("sidekiq", {}, "profile", "expected one of default, "),
        (None, {"id": ("id",)}, "table", "missing; a mapping without a profile needs the table of the jobs"),
        (None, {"table": "jobs", "processed": "done"}, "id", "missing; the columns that identify a job"),
        (None, {"table": "jobs", "id": ("id",)}, "processed", "nothing tells which jobs are processed"),
        (None, {**OWN, "status_failed": ("bad",)}, "status", "missing; the values need the column that holds them"),
        (None, {**STATUS, "status_pending": ()}, "status_pending", "missing; the values that mean pending"),
        (None, {**STATUS, "status_processed": ()}, "status_processed", "missing; the values that mean processed"),
        (None, {**STATUS, "status_failed": ("ok",)}, "status", "the value ok is listed under two meanings"),
        (None, {**STATUS, "status_cancelled": ("ok",)}, "status", "the value ok is listed under two meanings"),
        (
            None,
            {**STATUS, "is_cancelled_below_max_attempts": True},
            "max_attempts",
            "missing; is_cancelled_below_max_attempts compares with it",
        ),
        (None, {**OWN, "max_attempts": "3"}, "attempts", "missing; max_attempts limits the column that it names"),
        (None, {**OWN, "events_type": "what"}, "events_table", "missing; other keys of events need it"),
        (None, {**OWN, "events_table": "log"}, "events_table", "needs events_job, events_type and events_at"),
        (
            None,
            {**OWN, "events_table": "log", "events_job": ("a", "b"), "events_type": "what", "events_at": "at"},
            "events_job",
            "needs as many columns as id",
        ),
        (None, {**OWN, "queues_id": "id"}, "queues_table", "queues_table, queues_id and queues_name belong together"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(profile, given, key, message):
    """With the key to change, and why."""
    with pytest.raises(MappingProblem, match=message) as refused:
        resolve(profile, given)
    assert refused.value.key == key


def test_a_status_whose_processed_rows_are_deleted():
    """There is no value that means processed."""
    found = resolve(None, {**STATUS, "status_processed": (), "is_removed_when_processed": True})
    assert found.status_processed == ()
