"""More inserted rows than jobs that are accounted for: the reason to search for others."""

from __future__ import annotations

import pytest

from exporter.collectors.inserted_rows import Balance, Search

NOW = 1_763_000_000.0
HOUR = 3600.0


def compared(balance: Balance, *levels: int, pending: int = 0) -> Search | None:
    """The action after these samples, at each of which so many more were inserted than accounted for."""
    for level in levels:
        balance.note(NOW, 1000 + level + pending, pending)
        balance.compare(1000)
    return balance.begin_search(NOW)


def test_more_inserts_than_jobs_are_a_reason():
    """In every one of five samples; where the search begins is the start, as deep as no counter has read."""
    balance = Balance()
    assert compared(balance, 0, 0, 0, 0, 0) is None
    assert compared(balance, 40, 40, 40, 40) is None
    assert compared(balance, 40) == Search(NOW, 600.0)


def test_statistics_that_are_late_are_none():
    """Counters fall behind and catch up; a difference from the start is usual."""
    assert compared(Balance(), 7, 3, 7, 0, 5, 7, 7, -20, 7, 7, 7, 7) is None
    assert compared(Balance(), *[3] * 30, pending=500) is None


def test_the_usual_is_the_least_that_lasts():
    """Rows that were opened again are inserted once and counted twice: a loss after them shows all the same."""
    balance = Balance()
    assert compared(balance, *[0] * 5, *[-3] * 5) is None
    assert compared(balance, *[-2] * 5) is not None


def test_a_search_is_rare():
    """Once an hour when nothing is found, whether it succeeds or not; every ten minutes otherwise."""
    for found, pause in ((None, HOUR), (False, HOUR), (True, 600)):
        balance = Balance()
        assert compared(balance, *[0] * 5, *[9] * 5) is not None
        if found is not None:
            balance.searched(NOW, found=found)
        for _ in range(5):
            balance.note(NOW, 1020, 0)
            balance.compare(1000)
        assert balance.begin_search(NOW + pause - 1) is None
        again = balance.begin_search(NOW + pause)
        assert again is not None
        assert again.created_since == (NOW if found is None else NOW - 600)


def test_what_a_search_did_not_find_is_no_reason_for_another():
    """However much the difference varied before it."""
    balance = Balance()
    assert compared(balance, *[0] * 5, 9, 12, 9, 9, 9) is not None
    balance.searched(NOW, found=False)
    for level, due in ((12, False), (13, True)):
        for _ in range(5):
            balance.note(NOW, 1000 + level, 0)
            balance.compare(1000)
        assert (balance.begin_search(NOW + HOUR) is not None) is due


def test_a_search_is_deeper_than_the_window_of_the_counters():
    """After an outage they read further back, and rows that they have read are not uncounted, earlier ones too."""
    balance = Balance()
    balance.window(4000)
    assert compared(balance, *[0] * 5, *[9] * 5) == Search(NOW, 4000)
    balance.searched(NOW, found=True)
    for _ in range(5):
        balance.note(NOW, 1020, 0)
        balance.compare(1000)
    assert balance.begin_search(NOW + 600) == Search(NOW - 600, 4000)
    balance.searched(NOW + 600, found=True)
    for _ in range(5):
        balance.note(NOW, 1030, 0)
        balance.compare(1000)
    assert balance.begin_search(NOW + 1200) == Search(NOW, 600)


@pytest.mark.parametrize(("inserted", "pending"), [(None, 0), (1000, None)], ids=["no statistics", "truncated"])
def test_unknown_numbers_are_compared_with_nothing(inserted, pending):
    """A standby has no statistics, and a backlog that was not counted to its end no number: it begins anew."""
    balance = Balance()
    compared(balance, *[0] * 5)
    balance.note(NOW, inserted, pending)
    balance.compare(1000)
    assert compared(balance, *[500] * 4) is None
    assert compared(balance, *[500] * 10) is None


def test_pending_jobs_are_accounted_for():
    """As many more inserted as are pending is no reason, however many."""
    balance = Balance()
    for sample in range(20):
        balance.note(NOW + sample, inserted=100 + 3 * sample, pending=3 * sample)
        balance.compare(0)
        assert balance.begin_search(NOW + sample) is None
