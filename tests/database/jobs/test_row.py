"""What the columns of a row mean."""

from dataclasses import replace

import pytest

from exporter.database.jobs.row import JobRow
from exporter.database.jobs.transitions import Transitions
from exporter.outbox.mapping import DEFAULT, OutboxMapping

BARE = OutboxMapping("jobs", id=("id",), created="made", processed="done")


def row(mapping: OutboxMapping) -> JobRow:
    return JobRow(mapping, Transitions(mapping, "public"))


def texts(parts: object) -> list[str]:
    assert isinstance(parts, (list, tuple))
    return [part.as_string() for part in parts]


def test_times_as_numbers():
    """In the mapping's unit."""
    assert row(BARE).time("made").as_string() == '"made"'
    found = row(replace(BARE, epoch="milliseconds")).time("made").as_string()
    assert found == (
        'CASE WHEN "made" IS NOT NULL '
        'THEN to_timestamp(greatest(0, least("made"::double precision / 1000, 253402300799))) END'
    )
    assert row(replace(BARE, epoch="milliseconds")).time("done").as_string() == (
        'to_timestamp("done"::double precision / 1000)'
    )
    assert row(BARE).time("").as_string() == "NULL::timestamptz"


@pytest.mark.parametrize(
    ("changes", "attempts"),
    [
        ({}, "0"),
        ({"attempts": "tries"}, 'coalesce("tries", 0)'),
        (
            {"status": "state", "status_pending": ("new",), "status_retrying": ("again",)},
            """CASE WHEN "state" = 'again' THEN greatest(0, 1) ELSE 0 END""",
        ),
    ],
)
def test_attempts(changes, attempts):
    """NULL is none; a status that says that it was attempted is one."""
    part, name = row(replace(BARE, **changes)).attempts
    assert (part.as_string(), name) == (attempts, "attempts")


def test_null_attempts_of_the_default_table_are_odd():
    """They are counted as odd rows."""
    assert row(DEFAULT).attempts[0].as_string() == '"attempts"'


def test_a_job_waits_since_it_is_due():
    """Or since it was created, whichever is later."""
    assert row(BARE).waiting_since.as_string() == '"made"'
    assert row(replace(BARE, due="run_at")).waiting_since.as_string() == 'greatest("made", "run_at")'


def test_conditions():
    """None without the columns that they rest on."""
    assert texts(row(BARE).open) == ['"done" IS NULL']
    assert texts(row(replace(BARE, failed="dead")).open) == ['"done" IS NULL', '"dead" IS NULL']
    assert texts(row(BARE).alive) == texts(row(BARE).due) == texts(row(BARE).not_used_up) == []
    assert texts(row(replace(BARE, due="run_at")).due) == ['("run_at" IS NULL OR "run_at" <= now())']
    limited = replace(BARE, attempts="tries", max_attempts="5", expires="until")
    assert texts(row(limited).used_up) == ['coalesce("tries", 0) >= 5', '"until" <= now()']
    assert texts(row(limited).not_used_up) == ['coalesce("tries", 0) < 5', '("until" IS NULL OR "until" > now())']


def test_a_status_is_compared_with_each_value():
    """An index that is partial to one of them serves."""
    mapping = replace(BARE, status="state", status_pending=("new", "queued"))
    assert row(mapping).status(("new", "queued")).as_string() == """("state" = 'new' OR "state" = 'queued')"""
