"""Expressions without signals."""

from __future__ import annotations

import pytest

from alerts.model import Policy, Signal
from alerts.policy.inline import Inlining
from alerts.policy.load import load_policy


def inlining(*signals: tuple[str, str]) -> Inlining:
    made = tuple(Signal(record, "jobs", "for a test", expr) for record, expr in signals)
    return Inlining(Policy(15.0, "outbox-exporter", made, ()))


def test_signals_of_signals_are_written_out():
    """In brackets, so that operators keep their order."""
    written = inlining(("outbox:a", "max(outbox_up)"), ("outbox:b:rate5m", "outbox:a + 1"))
    assert written.signal("outbox:b:rate5m") == "(max(outbox_up)) + 1"
    assert written.inlined("outbox:b:rate5m * 2 > 5") == "((max(outbox_up)) + 1) * 2 > 5"


def test_a_range_of_a_signal_is_a_subquery():
    """With the evaluation interval as its step."""
    written = inlining(("outbox:a", "max(outbox_up)"))
    assert written.inlined("resets(outbox:a[5m]) > 0") == "resets((max(outbox_up))[5m:15000ms]) > 0"


def test_an_earlier_signal_shifts_its_selectors():
    """A subquery would answer as of its last step. What is shifted already is refused."""
    written = inlining(
        ("outbox:a", 'rate(outbox_processed_jobs_total{x="y"}[5m])'), ("outbox:b", "outbox_up offset 1m")
    )
    assert written.inlined("outbox:a offset 5m") == '(rate(outbox_processed_jobs_total{x="y"}[5m] offset 5m))'
    with pytest.raises(ValueError, match="is not written out"):
        written.inlined("outbox:b offset 5m")


def test_unknown_signals_are_refused():
    """By name."""
    with pytest.raises(KeyError, match="outbox:b"):
        inlining(("outbox:a", "1")).inlined("outbox:b > 1")


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_every_rule_of_the_policy_can_be_written_out(scale):
    """Nothing is left that would have to be recorded, at any pace."""
    policy = load_policy(time_scale=scale)
    assert [rule.key for rule in policy.rules if "outbox:" in Inlining(policy).inlined(rule.expr)] == []
