"""The charts of a report."""

from dataclasses import replace

from alerts.watch.report import html
from tests.alerts.watch.report import samples


def test_gaps_interrupt_the_line():
    """A hole of the exporter's breaks the line, although there is no tick in it."""
    made = samples.report()
    closed = replace(made, judgement=replace(made.judgement, gaps=()))
    with_gap, without = (html(each).count('class="line n0"') for each in (made, closed))
    assert with_gap > without
