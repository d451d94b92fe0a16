"""One run of a collector: measured, and never raising."""

import time

import pytest

from exporter.core.errors import Locked, Reason, RowsHidden
from exporter.metrics.readings import CollectorOutcome
from exporter.sampling.run import run_once
from tests.sampling.test_schedule import Scripted


def test_a_run_is_measured():
    """Its outcome, its end by either clock, and its duration."""
    before, before_at = time.monotonic(), time.time()
    run = run_once(Scripted("backlog"))
    assert run.collector == "backlog"
    assert run.succeeded
    assert before <= run.finished <= time.monotonic()
    assert before_at <= run.finished_at <= time.time()
    assert 0 <= run.duration <= run.finished - before


@pytest.mark.parametrize(("error", "reason"), [(Locked("held"), Reason.LOCK), (RowsHidden("hidden"), Reason.RLS)])
def test_an_error_on_purpose_is_counted_under_its_reason(error, reason):
    """And logs its result."""

    def act() -> CollectorOutcome:
        raise error

    (failure,) = run_once(Scripted("backlog", act)).outcome.failures
    assert (failure.reason, failure.message) == (reason, str(error))


def test_a_bug_is_a_failed_sample_and_shows_nothing_it_should_not(caplog):
    """Counted as internal; the message names the error's kind only, the log has the rest."""

    def act() -> CollectorOutcome:
        raise KeyError("hunter2")

    (failure,) = run_once(Scripted("backlog", act)).outcome.failures
    assert failure.reason is Reason.INTERNAL
    assert "KeyError" in failure.message
    assert "hunter2" not in failure.message
    assert "collector raised" in caplog.text
