"""What is said about a session that locks a table. Real locks: tests/alerts/diagnosis/test_faults.py."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.locks import Holder, described, shown_command

HOLDER = Holder(
    pid=77,
    role="app",
    application="migrate",
    state="idle in transaction",
    since=200.0,
    command="ALTER TABLE",
    tables=["job_outbox"],
    waiting=4,
    waited=190.0,
    version=150000,
)


def test_a_session_whose_statistics_are_visible():
    """Who, what, since when, in which state, by which statement, and who waits."""
    assert described(HOLDER) == (
        'session 77 of role app ("migrate") locks job_outbox exclusively for 3 min 20 s, idle in transaction, '
        "last statement ALTER TABLE; 4 sessions wait for it, the longest for 3 min 10 s"
    )


def test_a_session_of_which_little_is_visible():
    """What is not visible is left out."""
    hidden = Holder(77, "app", "", None, None, None, [], 1, 5.0, 150000)
    assert described(hidden) == (
        "session 77 of role app blocks other sessions; 1 session waits for it, the longest for 5.0 s"
    )


def test_a_prepared_transaction():
    """It has no session."""
    prepared = Holder(0, "app", None, "prepared", 3600.0, None, ["job_outbox"], 0, None, 150000)
    assert described(prepared) == "a prepared transaction of role app locks job_outbox exclusively for 1 h"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("ALTER TABLE", "ALTER TABLE"),
        ("VACUUM FULL", "VACUUM FULL"),
        ("SELECT PASSWORD", "SELECT"),
        ("UPDATE ACCOUNTS", "UPDATE"),
        ("HUNTER SECOND", ""),
        ("LOCK\n  TABLE", "LOCK TABLE"),
        (None, ""),
    ],
)
def test_only_words_of_sql_are_shown(words, shown):
    """No name and no value of a statement."""
    assert shown_command(words) == shown
