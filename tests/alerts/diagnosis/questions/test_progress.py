"""Whether jobs are processed, from the numbers of one statement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.diagnosis.questions.progress import Answer, Progress, classify, described, drain_time

STALL = 300.0
NOTHING = Progress(0, None, None, None, 0, None, None)
WAITING = Progress(20, 400.0, 400.0, None, 0, None, 380.0)


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (NOTHING, Answer.IDLE),
        (replace(WAITING, oldest=300.0, oldest_open=300.0), Answer.IDLE),
        (WAITING, Answer.STOPPED),
        (replace(WAITING, attempted=301.0), Answer.STOPPED),
        (replace(WAITING, attempted=300.0), Answer.FAILING),
        # Only exhausted jobs are old, and nobody attempts them.
        (replace(WAITING, oldest_open=20.0), Answer.IDLE),
        (replace(WAITING, oldest_open=None, attempted=5.0), Answer.FAILING),
        (replace(WAITING, processed=20, first_processed=290.0), Answer.PROCESSED),
        # 20 in five minutes: 60 take 15 minutes, 61 longer.
        (replace(WAITING, pending=60, processed=20, first_processed=290.0), Answer.PROCESSED),
        (replace(WAITING, pending=61, processed=20, first_processed=290.0), Answer.OVERLOADED),
    ],
)
def test_the_answer(found, answer):
    """Limits are exact: the stall threshold, and three times of it for the drain time."""
    assert classify(found, STALL) is answer


def test_the_drain_time_of_more_jobs_than_are_read():
    """The rate is that of the jobs that were read: 1000 in 10 seconds."""
    assert drain_time(Progress(1000, 9.0, 9.0, None, 1000, 10.0, 0.1), STALL) == 10.0
    assert drain_time(Progress(100, 9.0, 9.0, None, 50, 10.0, 0.1), STALL) == 600.0


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (NOTHING, "0 jobs pending; none ever processed, none attempted"),
        (
            replace(WAITING, attempted=12.0),
            "20 jobs pending, the oldest for 6 min 40 s; none processed for 6 min 20 s, the last attempt 12 s ago",
        ),
        (
            Progress(1000, 30.0, 30.0, None, 1, 3.0, 3.0),
            "at least 1000 jobs pending, the oldest for 30 s; 1 job processed in 5 min",
        ),
    ],
)
def test_the_sentence(found, text):
    """Counts at the limit are lower bounds."""
    assert described(found, STALL) == text
