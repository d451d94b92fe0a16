"""Values of a status that mean nothing. On a database: tests/outbox/test_proofs.py."""

from __future__ import annotations

import pytest

from exporter.database.statuses import StatusRow, listed, unlisted
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
        ([StatusRow("new", 4), StatusRow("bad", 1)], []),
        (
            [StatusRow(None, 1), StatusRow("new", 4), StatusRow("paused", 12)],
            [
                "state NULL (1 row) means nothing in this mapping; counted nowhere",
                "state 'paused' (12 rows) means nothing in this mapping; counted nowhere",
            ],
        ),
        (
            [StatusRow("new", 98_800), StatusRow("paused", 1_200)],
            ["state 'paused' (1,200 rows of the first 100,000) means nothing in this mapping; counted nowhere"],
        ),
    ],
)
def test_values_without_a_meaning(rows, messages):
    """With their number, and whether more rows may have them."""
    assert list(unlisted(MAPPING, rows)) == messages
