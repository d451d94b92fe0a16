"""The names of quantities: one for each, wherever they are shown."""

from __future__ import annotations

from alerts.policy.load import load_policy
from exporter.metrics import terms


def test_no_two_terms_have_one_name():
    """And each is defined in a sentence."""
    names = [term.name for term in terms.TERMS]
    assert len(set(names)) == len(names)
    assert all(term.meaning.endswith(".") for term in terms.TERMS)
    assert str(terms.BACKLOG) == "Backlog"


def test_the_signals_are_those_of_the_policy():
    """A signal that was renamed would lose its name on the charts."""
    assert set(terms.BY_SIGNAL) <= {signal.record for signal in load_policy().signals}
