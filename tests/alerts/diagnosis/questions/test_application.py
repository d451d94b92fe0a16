"""Why the application's endpoints do not answer."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.application import Answer, ask, classify
from exporter.core.errors import Reason
from exporter.metrics.readings import CollectorFailure
from tests.alerts.diagnosis.sources_of import answered, failing, sources


@pytest.mark.parametrize(
    ("reason", "message", "answer"),
    [
        (Reason.CONNECTION, "getFSM: Connection refused", Answer.REFUSED),
        (Reason.TIMEOUT, "getFSM: no complete answer in time", Answer.NO_ANSWER),
        (Reason.CONNECTION, "getFSM: certificate verify failed: unable to get local issuer", Answer.CERTIFICATE),
        (Reason.HTTP, "getFSM: HTTP 401 Unauthorized; check application.bearer_token", Answer.TOKEN),
        (Reason.HTTP, "getFSM: HTTP 403 Forbidden", Answer.TOKEN),
        (Reason.AUTHENTICATION, "application.bearer_token_file cannot be read", Answer.TOKEN),
        (Reason.HTTP, "getFSM: HTTP 404 Not Found", Answer.NOT_FOUND),
        (Reason.HTTP, "getFSM: redirects away from its own origin, which is not followed", Answer.NOT_FOUND),
        (Reason.HTTP, "getFSM: HTTP 500 Internal Server Error", Answer.STATUS),
        (Reason.PAYLOAD, "getFSM: total: missing", Answer.PAYLOAD),
    ],
)
def test_the_answer(reason, message, answer):
    """By what the reader has to do."""
    assert classify([CollectorFailure(reason, message)]) is answer
    found = ask(sources(application=failing(CollectorFailure(reason, message))))
    assert (found.answer, found.text) == (answer, f"4 of 4 endpoints of the application do not answer: {message}")


def test_an_application_that_answers_and_none():
    """Without one that is said, and nothing is asked."""
    assert ask(sources(application=answered())).answer is Answer.ANSWERS
    assert ask(sources()).answer is Answer.NOT_CONFIGURED
