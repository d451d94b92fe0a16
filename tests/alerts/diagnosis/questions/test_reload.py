"""Whether the last reload succeeded, from the status of the exporter."""

from __future__ import annotations

import pytest

from alerts.diagnosis.exporter_status import ExporterStatus
from alerts.diagnosis.questions.reload import Answer, ask
from tests.alerts.diagnosis.sources_of import sources


@pytest.mark.parametrize(("succeeded", "answer"), [(True, Answer.SUCCEEDED), (False, Answer.FAILED)])
def test_the_status(succeeded, answer):
    """As the exporter has it."""
    status = ExporterStatus(accepts=True, answers=True, document={"config_reload_successful": succeeded})
    assert ask(sources(exporter=status)).answer is answer


@pytest.mark.parametrize("accepts", [True, False])
def test_no_document(accepts):
    """Unknown."""
    assert ask(sources(exporter=ExporterStatus(accepts=accepts, answers=accepts))).answer is None
