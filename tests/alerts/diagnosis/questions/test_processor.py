"""Whether the application reports its processor as running."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.processor import Answer, ask
from exporter.metrics.catalogue import APP_CHECK
from exporter.metrics.readings import Reading
from tests.alerts.diagnosis.sources_of import answered, sources


@pytest.mark.parametrize(("value", "answer"), [(1.0, Answer.ALIVE), (0.0, Answer.DEAD)])
def test_the_flag(value, answer):
    """As the application has it."""
    assert ask(sources(application=answered(Reading(APP_CHECK, value, ("outbox_alive",))))).answer is answer


def test_no_flag():
    """Unknown: the check of something else says nothing, as does no application."""
    other = answered(Reading(APP_CHECK, 0.0, ("queue_depth_ok",)))
    assert ask(sources(application=other)).answer is None
    assert ask(sources()).text == "no application is configured"
