"""PromQL in checks of one's own: what is refused, and that it is evaluated with the policy's signals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.evaluation.clock import ClockReading
from alerts.evaluation.rule_group import CompiledRules
from alerts.watch.checks.checks import CheckParameters
from alerts.watch.checks.configured import configured_checks
from alerts.watch.checks.expressions import depends_on_clock, problem, recorded, with_expressions
from alerts.watch.model.check import Check
from exporter.config.settings import CheckCondition, CheckDefinition, WatchCheck
from tests.alerts.watch.fixtures import DAY, policy


def own(expr: str, comparison: str = "above") -> Check:
    when = (CheckCondition(expr=expr, comparison=comparison, limit="5"),)
    parameters = CheckParameters(
        policy(), DAY, application=True, changes=(WatchCheck("x", definition=CheckDefinition("X", when)),)
    )
    return configured_checks(parameters)[-1]


NO_METRIC = ' is no metric of the exporter; did you mean "'
NO_PROMQL = "no PromQL expression that can be evaluated here: "


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        ("outbox_queue_pending_jobs", ""),
        ("outbox:backlog_jobs > bool 5", ""),
        ("outbox_processing_time_seconds_count", ""),
        ("sum by (queue) (increase(outbox_queue_processed_jobs_total[1d])) # a day", ""),
        (
            "outbox_queue_pending_jobs > 5",
            "a comparison has no value while it is false; write the limit as above, at_least or below",
        ),
        ("outbox_up_", f'outbox_up_{NO_METRIC}outbox_up"?'),
        (
            "outbox_processing_time_seconds",
            f'outbox_processing_time_seconds{NO_METRIC}outbox_processing_time_seconds_sum"?',
        ),
        ("5", f"{NO_PROMQL}expected type vector in aggregation expression, got scalar"),
        ("vector(1)", "it selects no metric"),
        ("increase(outbox_processed_jobs_total[2d])", "a range or offset of more than a day"),
        ("up + scalar(", f"{NO_PROMQL}unclosed left parenthesis"),
    ],
)
def test_problems(expr, wrong):
    """What the exporter cannot evaluate, and what would never have a value, is refused before a watch begins."""
    assert problem(expr, policy()) == wrong


def test_expressions_that_depend_on_the_clock():
    """Times of day, `time()`, and signals that are ages."""
    for expr in ("time()", "outbox_oldest_pending_timestamp_seconds", "outbox:oldest_open_age_seconds * 2"):
        assert depends_on_clock(f"{expr} + outbox:backlog_jobs", policy()), expr
    assert not depends_on_clock("outbox:backlog_jobs", policy())


def test_the_worst_of_several_series_is_the_value():
    """The greatest where a limit must not be exceeded, the least where it must be reached; no series, no value."""
    expr = "outbox_queue_pending_jobs"
    policies = with_expressions(policy(), (own(expr), own(expr, "below")))
    rules = CompiledRules(policies)
    samples = [
        (expr, (("instance", "i"), ("job", "j"), ("queue", queue)), value) for queue, value in (("a", 3.0), ("b", 8.0))
    ]
    rules.storage.append(1000.0, samples)
    signals = rules.evaluate(ClockReading(1000.0, 15.0), frozenset())[0].signals
    assert (signals["max(outbox_queue_pending_jobs)"], signals["min(outbox_queue_pending_jobs)"]) == (8, 3)
    rules.storage.append(1015.0, [])
    assert not [name for name in rules.evaluate(ClockReading(1015.0, 15.0), frozenset())[0].signals if expr in name]


def test_a_comment_ends_with_its_line():
    """The wrapped expression is complete."""
    assert recorded("up # all", above=False) == "min(up # all\n)"


def test_the_policy_records_each_expression_once():
    """Those of an open watch are often those of the configuration; one that is not supported is left out."""
    check = own("outbox_pending_jobs")
    other = replace(check, conditions=(replace(check.conditions[0], signal="no promql("),))
    assert with_expressions(policy(), ()) is policy()
    found = with_expressions(policy(), (check, check, other))
    assert [signal.record for signal in found.signals[len(policy().signals) :]] == ["max(outbox_pending_jobs)"]
