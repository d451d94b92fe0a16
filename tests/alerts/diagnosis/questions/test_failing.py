"""Of which queues the failing jobs are."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.failing import Answer, FailingQueue, classify, described


def queue(name: str | None, jobs: int, *, in_batch: int = 0, exhausted: int = 0, oldest: float = 10.0) -> FailingQueue:
    return FailingQueue(name, jobs, in_batch, exhausted, oldest, 4.0)


@pytest.mark.parametrize(
    ("queues", "answer"),
    [
        ([], Answer.NONE),
        ([queue("a", 3, in_batch=3)], Answer.LATELY),
        ([queue("a", 1, in_batch=1, oldest=301.0)], Answer.ONE_QUEUE),
        ([queue("a", 1, in_batch=1, exhausted=1)], Answer.ONE_QUEUE),
        ([queue("a", 50, in_batch=50)], Answer.ONE_QUEUE),
        ([queue("a", 90, in_batch=90), queue("b", 10, in_batch=10)], Answer.ONE_QUEUE),
        ([queue("a", 89, in_batch=89), queue("b", 11, in_batch=11)], Answer.SEVERAL_QUEUES),
    ],
)
def test_the_answer(queues, answer):
    """Jobs that have failed for a short time are no cause, unless they fill half a batch."""
    assert classify(queues, held=300.0, half=50.0) is answer


def test_the_sentence():
    """The three queues with the most jobs are named; a job without a queue has none."""
    queues = [queue("a", 5, in_batch=5, exhausted=2), queue(None, 3), queue("c", 2), queue("d", 1), queue("e", 1)]
    assert described(queues) == (
        "12 failing jobs, 2 of them exhausted, by queue: a 5, none 3, c 2 and 2 more; 5 of the oldest 100 pending "
        "jobs, last attempted 4.0 s ago"
    )
    assert described([]) == "none of the oldest 1000 pending jobs has failed"
