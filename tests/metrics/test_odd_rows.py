"""Rows that a number leaves out are counted by table and kind."""

from exporter.metrics import catalogue
from exporter.metrics.odd_rows import OddRows, messages
from exporter.metrics.readings import Reading


def test_only_kinds_that_occur_are_published():
    """A series of 0 for each table and kind would be noise."""
    assert list(OddRows(infinite=2, nulls=1).readings("job_outbox")) == [
        Reading(catalogue.ODD_ROWS, 2, ("job_outbox", "infinite")),
        Reading(catalogue.ODD_ROWS, 1, ("job_outbox", "null")),
    ]
    assert list(OddRows().readings("job_outbox")) == []


def test_counts_of_two_statements_are_added():
    """Kind by kind."""
    assert OddRows(1, 2, 3) + OddRows(10, 20, 30) == OddRows(11, 22, 33)


def test_messages_for_the_status_page():
    """The number of rows, the table, and the problem; other readings give none."""
    readings = [
        Reading(catalogue.ODD_ROWS, 1, ("job_outbox", "infinite")),
        Reading(catalogue.HEAD_BLOCKED_JOBS, 7),
        Reading(catalogue.ODD_ROWS, 1234, ("fsm_events", "out_of_range")),
    ]
    (first, one), (second, many) = messages(readings)
    assert (first, second) == ("job_outbox", "fsm_events")
    assert one.startswith("1 row with an infinite time")
    assert many.startswith("1,234 rows with a time before 1970")
