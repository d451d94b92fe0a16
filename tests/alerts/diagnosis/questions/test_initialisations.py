"""Why initialisations fail: counts of the application and of the exporter's history, and kinds of reasons."""

from __future__ import annotations

from array import array

import pytest

from alerts.diagnosis.questions.initialisations import Answer, ask, kinds_of
from alerts.evaluation.state_file import SavedState
from alerts.promql.storage import Series
from exporter.metrics.catalogue import APP_FSM_INITIALIZATIONS
from exporter.metrics.readings import Reading
from tests.alerts.diagnosis.sources_of import answered, sources

NOON = 1_700_481_600.0
REFUSED = {"failureReasons": {'insert violates foreign key constraint "x" of 0a1b': 30.0, "deadlock detected": 1.0}}


def counts(failed: float, succeeded: float) -> tuple[Reading, ...]:
    values = zip(("failed", "succeeded"), (failed, succeeded), strict=True)
    return tuple(Reading(APP_FSM_INITIALIZATIONS, value, (result,)) for result, value in values)


def history(failed: tuple[float, float], succeeded: tuple[float, float]) -> SavedState:
    """The counters five minutes ago and now."""
    times = array("q", [round((NOON - 299) * 1000), round(NOON * 1000)])
    made = []
    for result, values in (("failed", failed), ("succeeded", succeeded)):
        series = Series(APP_FSM_INITIALIZATIONS.name, (("result", result),))
        series.times, series.values = times, array("d", values)
        made.append(series)
    return SavedState(NOON, {}, tuple(made))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("permission denied for function initialize_fsm_with_outbox", Answer.FUNCTION),
        ("function initialize_fsm_with_outbox(uuid) does not exist", Answer.FUNCTION),
        ("canceling statement due to statement timeout", Answer.SLOW),
        ("Connection terminated unexpectedly", Answer.SLOW),
        ("p_entity_id must not be NULL", Answer.INPUT),
        ("this idempotency key was used for another course", Answer.INPUT),
        ("Course 0a1b not found", Answer.INPUT),
        ("something else", Answer.OTHER),
    ],
)
def test_kinds_of_reasons(message, kind):
    """By the message, of which no part is shown."""
    assert kinds_of({message: 3.0}) == {kind: 3}


def test_reasons_that_are_no_counts():
    """Whatever an application sends: they are left out."""
    assert kinds_of({"a": "many", "b": -1.0, "c": 2.0}) == {Answer.OTHER: 2}
    assert kinds_of(None) == kinds_of(["a"]) == {}


def test_a_failure_ratio_of_the_history_decides():
    """Not that since the application's start, which recovers slowly."""
    since_start = answered(*counts(600, 400), getFSM=REFUSED)
    recovered = ask(sources(application=since_start, saved=history((600, 600), (300, 400))))
    assert recovered.answer is Answer.SUCCEED
    assert recovered.text == "0 of 100 initialisations failed in the last five minutes that the exporter saved"
    burning = answered(*counts(60, 10_000), getFSM=REFUSED)
    found = ask(sources(application=burning, saved=history((10, 60), (9_950, 10_000))))
    assert found.answer is Answer.INPUT
    assert found.text.startswith("50 of 100 initialisations failed in the last five minutes")
    assert "0a1b" not in found.text


@pytest.mark.parametrize(("failed", "answer"), [(5, Answer.SUCCEED), (6, Answer.INPUT)])
def test_without_history_the_counts_since_the_start(failed, answer):
    """More than 5 %, the threshold of the rule."""
    found = ask(sources(application=answered(*counts(failed, 100 - failed), getFSM=REFUSED), saved=None))
    assert found.answer is answer


def test_the_slow_burn_has_a_lower_limit():
    """1.5 %, the threshold of that rule."""
    application = answered(*counts(2, 98), getFSM=REFUSED)
    assert ask(sources("OutboxFsmFailureBudgetBurn", application=application, saved=None)).answer is Answer.INPUT
    assert ask(sources("OutboxFsmFailureRateHigh", application=application, saved=None)).answer is Answer.SUCCEED


def test_without_reasons_or_counts():
    """The documented application gives none; another one may count nothing."""
    assert ask(sources(application=answered(*counts(50, 50)), saved=None)).answer is Answer.NO_REASON
    assert ask(sources(application=answered(), saved=None)).answer is None
    assert ask(sources()).answer is None
