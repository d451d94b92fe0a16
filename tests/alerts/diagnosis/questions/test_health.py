"""The health check that fails."""

from __future__ import annotations

import pytest

from alerts.diagnosis.questions.health import Answer, ask
from exporter.metrics.catalogue import APP_CHECK, APP_HEALTHY
from exporter.metrics.readings import Reading
from tests.alerts.diagnosis.sources_of import answered, sources


@pytest.mark.parametrize(
    ("healthy", "failing", "answer"),
    [
        (1.0, (), Answer.HEALTHY),
        (0.0, ("queue_depth_ok", "outbox_alive"), Answer.PROCESSOR),
        (0.0, ("last_processed_ok", "fsm_success_rate_ok"), Answer.PROCESSOR),
        (0.0, ("fsm_success_rate_ok", "queue_depth_ok"), Answer.INITIALISATIONS),
        (0.0, ("queue_depth_ok",), Answer.OTHER),
        (0.0, (), Answer.OTHER),
    ],
)
def test_the_check_that_says_most(healthy, failing, answer):
    """The processor comes before initialisations, and these before the rest."""
    checks = (Reading(APP_CHECK, 0.0, (name,)) for name in failing)
    found = ask(sources(application=answered(Reading(APP_HEALTHY, healthy), *checks)))
    assert found.answer is answer
    assert all(name in found.text for name in failing)


def test_no_answer():
    """Unknown."""
    assert ask(sources(application=answered())).answer is None
    assert ask(sources()).answer is None
