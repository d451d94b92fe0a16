"""Activations and failures of the defence layers."""

from __future__ import annotations

from array import array

import pytest

from alerts.diagnosis.questions.fallbacks import Answer, ask
from alerts.evaluation.state_file import SavedState
from alerts.promql.storage import Series
from exporter.metrics.catalogue import APP_FALLBACK_ACTIVATIONS, APP_FALLBACK_FAILURES
from exporter.metrics.readings import Reading
from tests.alerts.diagnosis.sources_of import answered, sources

NOON = 1_700_481_600.0


def history(activations: float, failures: float) -> SavedState:
    """So many in the last minute."""
    made = []
    for metric, value in ((APP_FALLBACK_ACTIVATIONS, activations), (APP_FALLBACK_FAILURES, failures)):
        series = Series(metric.name, (("layer", "2"),))
        series.times = array("q", [round((NOON - 60) * 1000), round(NOON * 1000)])
        series.values = array("d", [7.0, 7.0 + value])
        made.append(series)
    return SavedState(NOON, {}, tuple(made))


@pytest.mark.parametrize(
    ("activations", "failures", "answer"),
    [(10, 2, Answer.RARE), (11, 2, Answer.FREQUENT), (11, 3, Answer.FAIL), (0, 0, Answer.RARE)],
)
def test_the_history_decides(activations, failures, answer):
    """By the thresholds of the rules: more than 10 in five minutes, 3 failures in ten."""
    assert ask(sources(application=answered(), saved=history(activations, failures))).answer is answer


@pytest.mark.parametrize(("recent", "answer"), [(10.0, Answer.RARE), (11.0, Answer.FREQUENT)])
def test_the_deployed_application_counts_five_minutes(recent, answer):
    """Without a history as well."""
    found = ask(sources(application=answered(getFallbacks={"recentActivations": recent}), saved=None))
    assert found.answer is answer


def test_what_was_not_counted_is_not_zero():
    """Failures that are unknown are called so; without activations there is no answer."""
    known = ask(sources(application=answered(getFallbacks={"recentActivations": 3.0}), saved=None))
    assert known.text == "3 activations in five minutes, an unknown number of failures in ten"
    only_failures = SavedState(NOON, {}, history(0, 2).series[1:])
    found = ask(sources(application=answered(), saved=only_failures))
    assert (found.answer, found.text) == (None, "an unknown number of activations in five minutes, 2 failures in ten")


def test_totals_alone_say_nothing_about_now():
    """Unknown."""
    found = ask(sources(application=answered(Reading(APP_FALLBACK_ACTIVATIONS, 90, ("2",))), saved=None))
    assert found.answer is None
    assert found.text.startswith("90 activations since the application's start")
    assert ask(sources()).answer is None
