"""The most telling failure of the collectors."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.collectors import Answer, ask
from exporter.core.errors import Reason
from exporter.metrics.readings import CollectorFailure
from tests.alerts.diagnosis.sources_of import sources


def failure(collector: str, reason: Reason, message: str = "it failed") -> tuple[str, CollectorFailure]:
    return collector, CollectorFailure(reason, message)


@pytest.mark.parametrize(
    ("failures", "answer"),
    [
        ((), Answer.SUCCEED),
        ((failure("events", Reason.TIMEOUT), failure("backlog", Reason.RLS)), Answer.HIDDEN),
        ((failure("backlog", Reason.LOCK), failure("events", Reason.PERMISSION)), Answer.PERMISSION),
        ((failure("backlog", Reason.SCHEMA),), Answer.SCHEMA),
        ((failure("backlog", Reason.INTERNAL), failure("events", Reason.LOCK)), Answer.LOCKED),
        ((failure("last_hour", Reason.TIMEOUT),), Answer.SLOW),
        ((failure("last_hour", Reason.INTERNAL),), Answer.OTHER),
    ],
)
def test_the_most_telling_reason(failures, answer):
    """A role that sees no rows comes before a lock, a lock before a slow statement."""
    assert ask(sources("OutboxBlind", *failures)).answer is answer


def test_the_remedy_is_the_statement_of_the_message():
    """Of a missing privilege; the collectors that fail are named."""
    message = "role m may not read public.job_outbox: GRANT SELECT (attempts) ON public.job_outbox TO m"
    failures = (failure("backlog", Reason.PERMISSION, message), failure("events", Reason.PERMISSION, message))
    found = ask(sources("OutboxBlind", *failures))
    assert found.text == "collector backlog fails (failing: backlog, events): role m may not read public.job_outbox"
    assert found.remedy == "GRANT SELECT (attempts) ON public.job_outbox TO m"
