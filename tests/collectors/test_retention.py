"""Rows that are gone make the figures of the last hour unknown."""

from exporter.collectors.retention import RowRetention

NOW = 1_700_000_000.0


def test_rows_that_stay():
    """Nothing is wrong."""
    rows = RowRetention()
    for ago in (7000.0, 7015.0):
        rows.note_oldest(NOW - ago)
        assert rows.keeps_hour(NOW)


def test_retention_of_more_than_an_hour():
    """The oldest rows may go."""
    rows = RowRetention()
    rows.note_oldest(NOW - 7200)
    rows.note_oldest(NOW - 3601)
    assert rows.keeps_hour(NOW)


def test_retention_of_less_than_an_hour():
    """A row of this hour is gone, until the hour is over."""
    rows = RowRetention()
    rows.note_oldest(NOW - 100)
    rows.note_oldest(NOW - 50)
    assert not rows.keeps_hour(NOW)
    assert not rows.keeps_hour(NOW + 3499)
    assert rows.keeps_hour(NOW + 3501)


def test_all_rows_are_gone():
    """As after a clean-up."""
    rows = RowRetention()
    rows.note_oldest(NOW - 100)
    rows.note_oldest(None)
    assert not rows.keeps_hour(NOW)


def test_an_outbox_in_which_nothing_was_processed():
    """There is nothing to lose."""
    rows = RowRetention()
    rows.note_oldest(None)
    rows.note_oldest(NOW - 1)
    assert rows.keeps_hour(NOW)


def test_a_pending_job_without_a_row():
    """It may have been processed."""
    rows = RowRetention()
    rows.note_vanished(NOW)
    assert not rows.keeps_hour(NOW + 3599)
    assert rows.keeps_hour(NOW + 3601)
