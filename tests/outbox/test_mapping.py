"""What a mapping tells."""

from dataclasses import replace

import pytest

from exporter.outbox.mapping import DEFAULT, OutboxMapping

BARE = OutboxMapping("jobs", id=("id",))


def test_the_default_table():
    """Documented: reference document, table job_outbox."""
    assert (DEFAULT.table, DEFAULT.schema, DEFAULT.id, DEFAULT.queue) == (
        "job_outbox",
        "",
        ("outbox_id",),
        "queue_name",
    )
    assert (DEFAULT.created, DEFAULT.processed) == ("created_at", "processed_at")
    assert (DEFAULT.attempts, DEFAULT.last_attempt, DEFAULT.due) == ("attempts", "last_attempt_at", "")
    assert DEFAULT.is_conserved
    assert not DEFAULT.has_other_states


@pytest.mark.parametrize(
    ("told", "given"),
    [
        ("has_processed", {"processed": "done"}),
        ("has_processed", {"events_processed": ("ok",)}),
        ("has_created", {"created": "made"}),
        ("has_created", {"events_created": ("new",)}),
        ("has_attempts", {"attempts": "tries"}),
        ("has_attempts", {"status_retrying": ("retry",)}),
        ("has_failures", {"events_failed": ("error",)}),
        ("has_failures", {"last_attempt": "tried", "attempts": "tries"}),
        ("has_failures", {"last_attempt": "tried", "status_failed": ("bad",)}),
        ("has_exhausted", {"status_failed": ("bad",)}),
        ("has_exhausted", {"failed": "dead"}),
        ("has_exhausted", {"expires": "until"}),
        ("has_exhausted", {"attempts": "tries", "max_attempts": "3"}),
        ("has_running", {"status_running": ("busy",)}),
        ("has_running", {"running": "locked"}),
        ("has_other_states", {"due": "run_at"}),
    ],
)
def test_what_is_told(told, given):
    """By each of the columns alone, and not without."""
    assert not getattr(BARE, told)
    assert getattr(replace(BARE, **given), told)


def test_the_last_attempt_alone_says_nothing():
    """It may have succeeded."""
    assert not replace(BARE, last_attempt="tried").has_failures


@pytest.mark.parametrize(
    "given",
    [
        {"due": "run_at"},
        {"failed": "dead"},
        {"running": "locked"},
        {"status": "state"},
        {"deleted": "gone"},
        {"epoch": "seconds"},
        {"id": ("a", "b")},
        {"created": ""},
        {"processed": ""},
    ],
)
def test_jobs_that_leave_the_backlog_in_other_ways_are_not_conserved(given):
    """So created and unaccounted jobs cannot be told."""
    assert not replace(DEFAULT, **given).is_conserved
