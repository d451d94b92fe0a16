"""Values of a status that mean nothing, or that times contradict. On a database: tests/outbox/test_proofs.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.database.statuses import StatusRow, StatusValue, listed, problems, unlisted
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
    status_cancelled=("never",),
)


def test_every_meaning_is_listed():
    """A value that is listed as cancelled has none."""
    assert listed(MAPPING) == ("new", "again", "busy", "ok", "bad")


def test_values_of_the_catalogue():
    """Those of rows and those of the type are told apart; one that is listed, under whatever meaning, is not told."""
    values = [StatusValue(each, is_label=False) for each in ("new", "never", "paused", "held")]
    assert unlisted(MAPPING, values) == (
        "state 'paused', 'held' stood in rows at the latest ANALYZE and means nothing in this mapping; counted nowhere",
    )
    assert unlisted(MAPPING, [StatusValue("bad", is_label=True), StatusValue("held", is_label=True)]) == (
        "state 'held' is a value of its type that means nothing in this mapping; counted nowhere",
    )
    assert unlisted(MAPPING, values[:2]) == ()


def test_a_column_that_is_no_status():
    """Five of its values are shown, and forty characters of each."""
    (text,) = unlisted(MAPPING, [StatusValue(f"{n}{'x' * 50}", is_label=False) for n in range(1007)])
    assert text.startswith(f"state '0{'x' * 39}', '1{'x' * 39}', ")
    assert f", '4{'x' * 39}' and 1,002 more stood in rows" in text


@pytest.mark.parametrize(
    ("rows", "messages"),
    [
        ([StatusRow("new", "pending", None, 4), StatusRow("never", "cancelled", None, 1)], []),
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
