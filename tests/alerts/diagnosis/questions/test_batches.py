"""How long the processor's batches take."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.diagnosis.questions.batches import Answer, ask
from tests.alerts.diagnosis.sources_of import answered, sources


def outbox(durations: Any, retries: Any = 0.0) -> dict[str, dict[str, Any]]:
    return {"getOutbox": {"metrics": {"processingDurations": durations, "retries": retries}}}


@pytest.mark.parametrize(
    ("durations", "retries", "answer"),
    [
        ([7000.0], 9.0, Answer.QUICK),
        ([7001.0], 9.0, Answer.RETRIED),
        ([7001.0], 0.0, Answer.SLOW),
        # Only the latest five count, and of these the median.
        ([90_000.0] * 9 + [20.0] * 5, 9.0, Answer.QUICK),
        ([20.0] * 9 + [90_000.0, 90_000.0, 90_000.0, 20.0, 20.0], 9.0, Answer.RETRIED),
    ],
)
def test_the_median_of_the_latest(durations, retries, answer):
    """Seven seconds are three lost connections."""
    assert ask(sources(application=answered(**outbox(durations, retries)))).answer is answer


@pytest.mark.parametrize("durations", [None, [], "long", ["long"]])
def test_no_durations(durations):
    """Unknown, whatever stands there."""
    assert ask(sources(application=answered(**outbox(durations)))).answer is None


def test_no_application_and_the_documented_one():
    """Unknown: the documented one does not say."""
    assert ask(sources()).answer is None
    assert ask(sources(application=answered(getOutbox={"pending": 5.0}))).answer is None
