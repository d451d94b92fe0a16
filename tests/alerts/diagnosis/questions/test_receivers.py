"""Whether the receivers answer. Real ones: tests/alerts/notify/test_probe.py."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.receivers import Answer, ask, evidence
from alerts.notify.probe import ProbeResult
from tests.alerts.diagnosis.sources_of import sources

GOOD = ProbeResult("webhook", "answers")
LOST = ProbeResult("alertmanager", "", "Connection refused", answered=False)
REFUSING = ProbeResult("pagerduty", "", "refuses access with HTTP 403")


@pytest.mark.parametrize(
    ("results", "answer"),
    [
        ([], Answer.NOT_CONFIGURED),
        ([GOOD], Answer.ANSWER),
        ([GOOD, LOST], Answer.UNREACHABLE),
        ([LOST, REFUSING], Answer.REFUSE),
    ],
)
def test_the_answer(results, answer):
    """A refusal is final, so it comes first."""
    assert evidence(results).answer is answer


def test_none_is_configured():
    """Nothing is sent."""
    assert ask(sources()).answer is Answer.NOT_CONFIGURED
