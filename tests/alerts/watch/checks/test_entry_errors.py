"""Entries of `watch.checks` that do not fit the policy."""

from __future__ import annotations

import pytest

from alerts.watch.checks.entry_errors import errors_by_default_policy
from exporter.config.settings import CheckCondition, CheckDefinition, WatchCheck


def errors(entry: WatchCheck) -> list[tuple[tuple[str | int, ...], str]]:
    return [(error.path, error.message) for error in errors_by_default_policy(entry)]


def own(name: str = "imports", subject: str = "", **condition: str) -> WatchCheck:
    when = CheckCondition(**{"comparison": "above", "limit": "5", **condition})  # type: ignore[arg-type] # texts
    return WatchCheck(name, definition=CheckDefinition("Imports", (when,), subject))


def test_what_is_right():
    """Changes of shipped checks, and definitions with each kind of limit."""
    for entry in (
        WatchCheck("fallbacks", advisory=True),
        own(expr="outbox_queue_pending_jobs"),
        own(expr="histogram_quantile(0.5, rate(outbox_processing_time_seconds_bucket[5m]))", limit="1m"),
        own(expr="time() - outbox_oldest_pending_timestamp_seconds", limit="OutboxStalled/page"),
        own(signal="outbox:oldest_open_age_seconds", limit="10m", subject="It took {limit}"),
        own(signal="outbox:backlog_jobs", limit="OutboxBacklogHigh/page"),
        own(expr="up", comparison="below", limit="1"),
    ):
        assert errors(entry) == []


def test_names():
    """The nearest shipped one is proposed; its definition cannot be replaced."""
    assert errors(WatchCheck("failing_job", enabled=False)) == [
        ((), 'unknown check; did you mean "failing_jobs"?'),
    ]
    assert errors(own("fallbacks", expr="up")) == [
        ((), "a shipped check: only `enabled` and `advisory` can be set; give your own another name"),
    ]
    assert errors(own("few-jobs", expr="up")) == [
        ((), "expected a name of at most 40 lower-case letters, digits and _"),
    ]


def test_sentences():
    """A duration in braces is scaled in a shipped check only."""
    assert errors(own(subject="In {5m}, {limit}", expr="up")) == [(("subject",), "only {limit} is replaced in it")]


UNKNOWN = "expected a number, a duration such as 5m, or a rule of the policy such as OutboxBacklogHigh/page"


@pytest.mark.parametrize(
    ("condition", "key", "message"),
    [
        ({"signal": "outbox:backlog_job"}, "signal", 'unknown signal; did you mean "outbox:backlog_jobs"?'),
        ({"signal": "outbox:backlog_jobs", "unit": "jobs"}, "unit", "a recorded signal has its own unit"),
        ({"signal": "outbox:backlog_jobs", "limit": "5m"}, "above", "expected a number of jobs"),
        ({"signal": "outbox:oldest_open_age_seconds", "limit": "300"}, "above", "expected a duration such as 5m"),
        ({"expr": "up", "limit": "many"}, "above", UNKNOWN),
        ({"expr": "up", "limit": ""}, "above", UNKNOWN),
        ({"expr": "up", "limit": "nan"}, "above", "expected a finite number"),
        ({"expr": "up", "limit": "5x"}, "above", UNKNOWN),
        (
            {"expr": "up", "limit": "OutboxBacklogHigh/pages"},
            "above",
            'unknown rule; did you mean "OutboxBacklogHigh/page"?',
        ),
        (
            {"signal": "outbox:backlog_jobs", "limit": "OutboxStalled/page"},
            "above",
            "the threshold of that rule is in seconds",
        ),
        ({"expr": "sum("}, "expr", "no PromQL expression that can be evaluated here: unclosed left parenthesis"),
    ],
)
def test_conditions(condition, key, message):
    """Each at its key."""
    assert errors(own(**condition)) == [(("when", 0, key), message)]
