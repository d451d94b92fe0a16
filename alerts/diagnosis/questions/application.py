"""Do the application's metrics endpoints answer?"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.sources import Sources, limited
from exporter.core.errors import Reason
from exporter.metrics.readings import CollectorFailure

_ENDPOINTS: Final = 4


class Answer(StrEnum):
    """Whether all answer, or why one does not."""

    NOT_CONFIGURED = "not-configured"
    ANSWERS = "answers"
    REFUSED = "refused"
    NO_ANSWER = "no-answer"
    CERTIFICATE = "certificate"
    TOKEN = "token"  # noqa: S105 - the name of a failure
    NOT_FOUND = "not-found"
    STATUS = "status"
    PAYLOAD = "payload"


def ask(sources: Sources) -> Evidence:
    """One sample of the four endpoints."""
    found = sources.application
    if found is None:
        return Evidence(Answer.NOT_CONFIGURED, "no application is configured")
    failures = found.outcome.failures
    if not failures:
        return Evidence(Answer.ANSWERS, "all four endpoints of the application answer")
    silent = _ENDPOINTS - len(found.payloads)
    down = f"{silent} of {_ENDPOINTS} endpoints of the application do not answer: " if silent else ""
    return Evidence(classify(failures), limited(down + failures[0].message))


def classify(failures: Sequence[CollectorFailure]) -> Answer:
    """The answer for these failures: the first one decides, as one cause fails all endpoints in the same way."""
    reason, message = failures[0].reason, failures[0].message
    if re.search(r"certificate", message, re.IGNORECASE):
        return Answer.CERTIFICATE
    if reason is Reason.HTTP:
        if re.search(r"\b40[13]\b", message):
            return Answer.TOKEN
        return Answer.NOT_FOUND if re.search(r"\b404\b|redirect", message) else Answer.STATUS
    answers = {
        Reason.AUTHENTICATION: Answer.TOKEN,
        Reason.CONNECTION: Answer.REFUSED,
        Reason.TIMEOUT: Answer.NO_ANSWER,
    }
    return answers.get(reason, Answer.PAYLOAD)
