"""The charts of a report."""

from dataclasses import replace

import pytest

from alerts.watch.report import html
from alerts.watch.report.document import charts
from tests.alerts.watch.report import samples


@pytest.mark.parametrize(
    ("signal", "title"),
    [
        ("outbox:fsm_failure_ratio:5m", "Initialisation failures in 5 min"),
        ("outbox:fsm_failure_ratio:6h", "Initialisation failures in 6 h"),
        ("outbox:fallback_activations:increase5m", "Fallback activations in 5 min"),
        ("outbox:backlog_jobs", "Backlog"),
        ("max(outbox_queue_pending_jobs)", "Failing jobs"),
    ],
)
def test_a_chart_says_which_time_its_signal_covers(signal, title):
    """Two charts of one quantity differ by it. An expression of one's own has the title of its check."""
    made = samples.report()
    result = replace(made.judgement.results[2], check=replace(samples.FAILURES, signal=signal))
    ((_, chart),) = charts(replace(made, judgement=replace(made.judgement, results=(result,))))
    assert chart.title == title


def test_gaps_interrupt_the_line():
    """A hole of the exporter's breaks the line, although there is no tick in it."""
    made = samples.report()
    closed = replace(made, judgement=replace(made.judgement, gaps=()))
    with_gap, without = (html(each).count('class="line n0"') for each in (made, closed))
    assert with_gap > without
