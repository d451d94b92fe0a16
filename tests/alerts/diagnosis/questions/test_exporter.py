"""Whether the exporter runs and is scraped, from its status."""

from __future__ import annotations

import pytest

from alerts.diagnosis.exporter_status import ExporterStatus
from alerts.diagnosis.questions.exporter import Answer, ask, evidence
from tests.alerts.diagnosis.sources_of import sources

NOON = 1_700_481_600.0


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (ExporterStatus(accepts=False, answers=False, problem="Connection refused"), Answer.NOT_RUNNING),
        (ExporterStatus(accepts=True, answers=False, problem="no answer within 2.0 s"), Answer.NO_ANSWER),
        (ExporterStatus(accepts=True, answers=True), Answer.ANSWERS),
    ],
)
def test_without_a_document(status, answer):
    """It may run and ask for credentials."""
    assert ask(sources("OutboxExporterDown", exporter=status)).answer is answer


@pytest.mark.parametrize(
    ("started", "scraped", "answer"),
    [
        (500.0, 120.0, Answer.SCRAPED),
        (500.0, 121.0, Answer.NOT_SCRAPED),
        (120.0, None, Answer.ANSWERS),
        (121.0, None, Answer.NOT_SCRAPED),
        # The clock was set back.
        (500.0, -5.0, Answer.SCRAPED),
    ],
)
def test_the_last_scrape(started, scraped, answer):
    """Seconds ago, against the two minutes of the alert; an exporter that has just started was not missed yet."""
    document = {"started": NOON - started, "last_scrape": None if scraped is None else NOON - scraped}
    status = ExporterStatus(accepts=True, answers=True, document=document)
    assert evidence(status, "127.0.0.1:9721", 120.0, NOON).answer is answer
