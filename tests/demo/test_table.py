"""The demo's table, and when a demo was a good one. The running demo is in tests/end_to_end."""

from __future__ import annotations

from typing import cast

import pytest

from exporter.app.status import FiveSignals, signals
from exporter.demo.table import HEADER, Table
from exporter.outbox import profiles
from exporter.outbox.mapping import DEFAULT

KNOWN: FiveSignals = {
    "backlog": 1234.0,
    "oldest_pending_age_seconds": 205.4,
    "processing_time_avg_seconds": 1.204,
    "events_last_hour": {"API": 1171.0, "QUEUE": 0.0, "WORKER": 185.0},
    "idempotency_keys": 1562.0,
    "failure_ratio": 0.0003,
}
TABLE = Table(DEFAULT)


def table(profile: str) -> Table:
    return Table(profiles.load(profile).mapping)


def test_a_row_is_aligned_with_its_header():
    """As wide as the header, each number at the end of its column."""
    line = TABLE.row(KNOWN, "20:50:31")
    assert line.split() == ["20:50:31", "1234", "205s", "1.20s", "1171/0/185", "1562", "0.0003"]
    assert len(line) == len(HEADER)
    for title, cell in zip(("backlog", "oldest", "avg time"), ("1234", "205s", "1.20s"), strict=True):
        assert HEADER.index(title) + len(title) == line.index(cell) + len(cell)


def test_unknown_is_a_dash():
    """Never a zero."""
    assert TABLE.row(signals([], 0, 0), "20:50:31").split() == ["20:50:31", *"------"]


def test_zero_is_a_zero():
    """Nothing pending and nothing failing are known numbers."""
    assert TABLE.row({**KNOWN, "backlog": 0.0, "failure_ratio": 0.0}, "t").split()[1] == "0"
    assert TABLE.row({**KNOWN, "backlog": 0.0, "failure_ratio": 0.0}, "t").split()[-1] == "0.0000"


def test_a_demo_is_good_when_every_signal_was_known():
    """An empty outbox has no oldest job, and is well."""
    assert TABLE.is_known(KNOWN)
    assert TABLE.is_known({**KNOWN, "oldest_pending_age_seconds": None, "backlog": 0.0, "failure_ratio": 0.0})


@pytest.mark.parametrize("signal", [name for name in KNOWN if name != "oldest_pending_age_seconds"])
def test_a_demo_without_one_of_the_five_is_not(signal):
    """Whichever it is."""
    assert not TABLE.is_known(cast("FiveSignals", {**dict(KNOWN), signal: None}))


def test_what_an_outbox_does_not_have_is_absent():
    """Neither a dash nor a zero, in a line of the same width; the reason is known."""
    nothing = signals([], 0, 0)
    line = table("django-outbox-pattern").row({**nothing, "backlog": 3.0}, "20:50:31")
    assert line.split() == ["20:50:31", "3", "-", "absent", "absent", "absent", "absent"]
    assert len(line) == len(HEADER)
    assert table("procrastinate").row(nothing, "20:50:31").split() == ["20:50:31", *"---", "absent", "absent", "-"]
    assert table("django-outbox-pattern").absent() == {
        "no column says when a job was processed": ["avg time", "failure ratio"],
        "belongs to the default tables": ["events", "keys"],
    }
    assert TABLE.absent() == {}


def test_a_demo_of_another_outbox_is_good_without_what_it_does_not_have():
    """Every signal that it has is still needed."""
    found: FiveSignals = {**KNOWN, "events_last_hour": None, "idempotency_keys": None}
    assert table("procrastinate").is_known(found)
    assert not table("procrastinate").is_known({**found, "failure_ratio": None})
    found = {**found, "processing_time_avg_seconds": None, "failure_ratio": None}
    assert table("django-outbox-pattern").is_known(found)
    assert not table("django-outbox-pattern").is_known({**found, "backlog": None})
