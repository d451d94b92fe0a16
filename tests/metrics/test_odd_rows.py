"""Rows with values that no metric can use: counted by table and kind."""

from __future__ import annotations

from exporter.metrics.odd_rows import MAX_CLOCK_LEAD, MAX_CLOCK_LEAD_NEW, OddRows


def test_one_reading_for_each_kind_with_rows():
    """A kind without rows has none."""
    readings = list(OddRows(infinite=2, nulls=1).readings("job_outbox"))
    assert [(each.metric.name, each.value, each.labels) for each in readings] == [
        ("outbox_odd_rows", 2, ("job_outbox", "infinite")),
        ("outbox_odd_rows", 1, ("job_outbox", "null")),
    ]
    assert list(OddRows().readings("job_outbox")) == []


def test_counts_add_up():
    """By kind."""
    assert OddRows(1, 2, 3) + OddRows(10, 20, 30) == OddRows(11, 22, 33)


def test_limits_of_the_clock():
    """Ten minutes for times in general, a day for those of new rows; seconds."""
    assert (MAX_CLOCK_LEAD, MAX_CLOCK_LEAD_NEW) == (600, 86_400)
