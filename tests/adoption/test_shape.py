"""The meanings of columns by their names and types. Whole tables: tests/adoption/test_adopt.py."""

from __future__ import annotations

import pytest

from exporter.adoption import shape
from tests.adoption.relations import table


def meanings(*columns: str, name: str = "outbox") -> dict[str, str]:
    found = shape.read(table(name, "id:bigint!", *columns))
    named = {meaning: column.name for meaning, column in found.times.items()}
    others = {
        meaning: column.name
        for meaning in ("status", "flag", "attempts", "max_attempts", "queue")
        if (column := getattr(found, meaning))
    }
    return named | others


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (("created_at:at!", "sent_at:at"), {"created": "created_at", "processed": "sent_at"}),
        (("OccurredOnUtc:local!", "ProcessedOnUtc:local"), {"created": "OccurredOnUtc", "processed": "ProcessedOnUtc"}),
        (("occurred_at:at", "created_at:at"), {"created": "created_at"}),
        (
            ("run_at:bigint", "retries:int", "max_retries:int"),
            {"due": "run_at", "attempts": "retries", "max_attempts": "max_retries"},
        ),
        (("published:bool!",), {"flag": "published"}),
        (("published:bool!", "published_at:at"), {"processed": "published_at"}),
        (("published:bool!", "state:text"), {"status": "state"}),
        (("type:text", "topic:text"), {"queue": "topic"}),
        (("locked_at:at", "locked_by:text"), {"running": "locked_at"}),
        (("is_deleted:bool",), {"deleted": "is_deleted"}),
        (("deleted_at:at",), {"deleted": "deleted_at"}),
        (("payload:jsonb", "note:text"), {}),
        (("created_at:int", "sent_at:int", "timestamp:text"), {"created": "created_at", "processed": "sent_at"}),
    ],
)
def test_meanings(columns, found):
    """By name and type; the first of several words, and a time before a flag."""
    assert meanings(*columns) == found


@pytest.mark.parametrize(
    ("columns", "unclear"),
    [
        (("sent_at:at", "delivered_at:at"), "sent_at, delivered_at: which of them is processed"),
        (("status:text", "state:text"), "status, state: which of them is status"),
        (("failed_at:at",), "failed_at: is it set when a job is given up (failed), or at each failure (last_attempt)?"),
        (
            ("locked_until:at",),
            (
                "locked_until: is it a lease, after which the job is due again (due), or empty while no "
                "worker has the job (running)?"
            ),
        ),
        (("failed:bool",), "failed is a boolean, which a mapping does not take: what does it say of a job?"),
        (("is_sent:int",), "is_sent is integer: which of its values mean pending, running, processed and failed?"),
        (("sent:smallint",), "sent is smallint: which of its values mean pending, running, processed and failed?"),
    ],
)
def test_what_a_person_has_to_decide(columns, unclear):
    """One column of two meanings, or two of one."""
    assert shape.read(table("outbox", "id:bigint!", *columns)).unclear == (unclear,)


def test_a_status_decides_which_jobs_failed_and_run():
    """Then the times of these say nothing more."""
    assert shape.read(table("outbox", "id:bigint!", "status:text", "failed_at:at", "started_at:at")).unclear == ()


@pytest.mark.parametrize(
    ("relation", "is_candidate"),
    [
        (table("outbox", "id:int"), True),
        (table("mail_queue", "id:int"), False),
        (table("mail_queue", "id:int", "sent_at:at"), True),
        (table("deliveries", "id:int", "created_at:at", "done:bool"), True),
        (table("deliveries", "id:int", "created_at:at"), False),
        (table("jobs", "id:int", "attempts:int", "available_at:int"), True),
        (table("users", "id:int", "attempts:int", "available_at:int"), False),
        (table("orders", "id:int", "created_at:at", "sent_at:at"), False),
        (table("orders", "id:int", "created_at:at", "sent_at:at", "attempts:int"), True),
        (table("deliveries", "id:int", "sent_at:at", kind="v"), False),
        (table("outbox_messages", "id:int", "sent_at:at", kind="v"), True),
    ],
)
def test_tables_that_may_be_an_outbox(relation, is_candidate):
    """The less the name says, the more the columns have to."""
    assert shape.read(relation).is_candidate is is_candidate


@pytest.mark.parametrize(
    ("relation", "refusal"),
    [
        (table("outbox", "id:int", "sent_at:at"), ""),
        (table("outbox", "id:int", "attempts:int"), ""),
        (table("outbox", "id:int", "payload:jsonb"), "no column says which rows are processed: neither a time, "),
        (
            table("outbox", "id:int", "created:text", "sent:text"),
            "the columns of times, created and sent, are of type text",
        ),
        (
            table("outbox", "id:int", kind="v", below=("a.b",)),
            ("it is a view, whose rows cannot be proved complete; map a table below it: a.b"),
        ),
        (table("outbox", "id:int", kind="f"), "it is a table of another server, "),
    ],
)
def test_tables_of_which_no_mapping_can_be_true(relation, refusal):
    found = shape.read(relation).refusal
    assert found.startswith(refusal)
    assert bool(found) is bool(refusal)


def test_rows_that_nothing_identifies():
    relation = table("outbox", "id:int", "sent_at:at")
    assert "identifies a row" in shape.read(type(relation)("public", "outbox", relation.columns)).refusal
