"""Values of a status that mean nothing, or that times contradict. On a database: tests/outbox/test_proofs.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.database.statuses import StatusRow, listed, problems
from exporter.outbox.mapping import OutboxMapping

MAPPING = OutboxMapping(
    "mails",
    id=("id",),
    status="state",
    status_pending=("new",),
    status_retrying=("again",),
    status_running=("busy",),
    status_processed=("ok",),
    status_failed=("bad",),
)


def test_every_meaning_is_listed():
    assert listed(MAPPING) == ("new", "again", "busy", "ok", "bad")


@pytest.mark.parametrize(
    ("rows", "messages"),
    [
        ([StatusRow("new", "pending", None, 4), StatusRow("bad", "failed", None, 1)], []),
        (
            [StatusRow(None, None, None, 1), StatusRow("new", "pending", None, 4), StatusRow("paused", None, None, 12)],
            [
                "state NULL (1 row) means nothing in this mapping; counted nowhere",
                "state 'paused' (12 rows) means nothing in this mapping; counted nowhere",
            ],
        ),
        (
            [StatusRow("new", "pending", None, 98_800), StatusRow("paused", None, None, 1_200)],
            ["state 'paused' (1,200 rows of the first 100,000) means nothing in this mapping; counted nowhere"],
        ),
    ],
)
def test_values_without_a_meaning(rows, messages):
    """With their number, and whether more rows may have them."""
    assert list(problems(MAPPING, rows)) == messages


def test_values_that_the_time_of_processing_contradicts():
    """Such a job is where its status says, and in no figure of processed jobs."""
    rows = [
        StatusRow("new", "pending", False, 4),
        StatusRow("new", "pending", True, 1),
        StatusRow("ok", "processed", False, 2),
        StatusRow("ok", "processed", True, 9),
        StatusRow("bad", "failed", True, 3),
    ]
    assert list(problems(replace(MAPPING, processed="done"), rows)) == [
        "state 'new': 1 row with done: in the backlog, as the status says, and in no figure of processed jobs",
        "state 'ok': 2 rows without done: in no figure of processed jobs, nor in the backlog",
    ]
