"""Jobs that are not accounted for, by kind."""

from __future__ import annotations

from array import array

import pytest

from alerts.diagnosis.questions.conservation import Answer, ask
from alerts.evaluation.state_file import SavedState
from alerts.promql.storage import Series
from tests.alerts.diagnosis.sources_of import sources

NOON = 1_700_481_600.0


def history(**increases: float) -> SavedState:
    """So many of each kind in the last half hour."""
    made = []
    for kind, value in increases.items():
        series = Series("outbox_unaccounted_jobs_total", (("kind", kind),))
        series.times = array("q", [round((NOON - 1800) * 1000), round(NOON * 1000)])
        series.values = array("d", [5.0, 5.0 + value])
        made.append(series)
    return SavedState(NOON, {}, tuple(made))


@pytest.mark.parametrize(
    ("removed", "uncounted", "doubled", "answer", "text"),
    [
        (0, 0, 0, Answer.NONE, "each job of the last hour is accounted for"),
        (3, 0, 1, Answer.REMOVED, "jobs within an hour: 3 removed, 1 doubled; the exporter's log has their ids"),
        (0, 2, 0, Answer.UNCOUNTED, "jobs within an hour: 2 uncounted; the exporter's log has their ids"),
        (0, 0, 1, Answer.DOUBLED, "jobs within an hour: 1 doubled; the exporter's log has their ids"),
    ],
)
def test_the_most_frequent_kind_is_the_answer(removed, uncounted, doubled, answer, text):
    """With the numbers of all kinds."""
    found = ask(sources(saved=history(removed=removed, uncounted=uncounted, doubled=doubled)))
    assert (found.answer, found.text) == (answer, text)


def test_without_an_exporter_nothing_is_known():
    """It is the only one that counts."""
    assert ask(sources(saved=None)).answer is None
