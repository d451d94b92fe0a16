"""Spans of alerts and maintenance."""

from __future__ import annotations

from alerts.watch.analysis.spans import SpanTracker
from alerts.watch.model.tick import Tick


def tracked(*present: dict[str, str]) -> list[tuple[str, str, float, float, bool]]:
    """One tick every ten seconds with these keys."""
    tracker = SpanTracker()
    for number, each in enumerate(present, start=1):
        tracker.add(Tick(1000 + 10 * number, 10.0 * number, 1, 10.0, {}), each)
    return [(each.key, each.text, each.span.started, each.span.seconds, each.open) for each in tracker.spans()]


def test_a_span_reaches_to_the_first_tick_without_its_key():
    """It is open until then, and ends at the last tick."""
    assert tracked({}, {"a": ""}, {"a": ""}, {}) == [("a", "", 20, 20, False)]
    assert tracked({}, {"a": ""}, {"a": ""}) == [("a", "", 20, 10, True)]
    assert tracked({"a": ""}) == [("a", "", 10, 0, True)]


def test_a_key_that_comes_again_begins_a_new_span():
    """Spans are listed by their begin, then by key."""
    assert tracked({"b": "", "a": ""}, {"b": ""}, {"b": "", "a": ""}) == [
        ("a", "", 10, 10, False),
        ("b", "", 10, 20, True),
        ("a", "", 30, 0, True),
    ]


def test_the_last_text_of_a_span_counts():
    """As of maintenance whose reason was changed."""
    assert tracked({"": "deploy"}, {"": "rollback"}, {}) == [("", "rollback", 10, 20, False)]
