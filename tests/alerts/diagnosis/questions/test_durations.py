"""Which queues are slow."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.durations import Answer, QueueDuration, classify


@pytest.mark.parametrize(
    ("percentiles", "answer"),
    [
        ([60.0, 10.0], Answer.NORMAL),
        ([61.0, 60.0], Answer.ONE_QUEUE),
        ([61.0, 61.0, 10.0], Answer.ALL_QUEUES),
        ([61.0], Answer.ALL_QUEUES),
    ],
)
def test_the_answer(percentiles, answer):
    """One queue among several is told from all of them."""
    queues = [QueueDuration(str(number), 20, each) for number, each in enumerate(percentiles)]
    assert classify(queues, 60.0) is answer
