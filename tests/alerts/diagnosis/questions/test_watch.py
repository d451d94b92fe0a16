"""How the latest watch ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alerts.diagnosis.model import Evidence
from alerts.diagnosis.questions.watch import Answer, ask
from alerts.watch.model.result import Judgement
from alerts.watch.model.watch import STATES, Verdict, Watch
from alerts.watch.store.history import History
from exporter.config.settings import Config, WatchSettings
from tests.alerts.diagnosis.sources_of import sources

NOON = 1_700_481_600.0
WATCH = Watch(
    number=3,
    begun_by="manual",
    started_at=NOON,
    started=10.0,
    duration=60.0,
    interval=15.0,
    version="1",
    checks=(),
    ends_at=NOON + 60,
    decided_at=NOON + 60,
    closed_at=NOON + 60,
    closed=70.0,
)
JUDGEMENT = Judgement(
    number=3,
    at=NOON + 60,
    elapsed=60.0,
    duration=60.0,
    final=True,
    verdict=None,
    summary="It ended",
    reasons=("two jobs were lost", "a page fired", "more"),
    results=(),
    ratio=1.0,
    ticks=4,
)


def asked(directory: Path) -> Evidence:
    return ask(sources(config=replace(Config(), watch=WatchSettings(state_dir=directory))))


def test_no_history_and_no_watch(tmp_path):
    """Without a file it is unknown; without a watch nothing has failed."""
    assert asked(tmp_path).answer is None
    History.writer(tmp_path).close()
    assert asked(tmp_path).answer is Answer.UNDECIDED


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        (Verdict.PASS, Answer.PASSED),
        (Verdict.FAIL, Answer.FAILED),
        (Verdict.INCONCLUSIVE, Answer.INCONCLUSIVE),
    ],
)
def test_the_verdict_with_its_reasons(tmp_path, verdict, answer):
    """The first two of them."""
    with History.writer(tmp_path) as history:
        history.put(3, replace(WATCH, state=STATES[verdict]))
        history.put(3, replace(JUDGEMENT, verdict=verdict))
    found = asked(tmp_path)
    assert found.answer is answer
    assert found.text == f"watch 3 ended in {verdict.value}: two jobs were lost; a page fired"


def test_a_watch_that_runs(tmp_path):
    """It has no verdict."""
    with History.writer(tmp_path) as history:
        history.put(3, WATCH)
        history.put(3, JUDGEMENT)
    assert asked(tmp_path).answer is Answer.UNDECIDED
