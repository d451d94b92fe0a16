"""References in expressions of the policy."""

from __future__ import annotations

import pytest

from alerts.policy.expressions import check_unused_parameters, references, substitute_parameters
from alerts.policy.file import ExpressionParameter, SourceText
from exporter.config.settings import Amount
from exporter.core.problems import Place, Problems

PLACE = Place("p.yaml", 3, "expr")
AMOUNTS = {"window": Amount(90, is_time=True), "share": Amount(0.05), "many": Amount(1e6)}


def said(text: str) -> SourceText:
    return SourceText(text, PLACE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(x[$window])", "rate(x[1m30s])"),
        ("x offset $window", "x offset 1m30s"),
        ("rate(x[$window] offset $window) > $window", "rate(x[1m30s] offset 1m30s) > 90"),
        ("x > $share and y >= $many", "x > 0.05 and y >= 1000000"),
        ('up{job="$job"}', 'up{job="orders"}'),
        ("{{ no reference }}", "{{ no reference }}"),
    ],
)
def test_references_are_replaced(text, expected):
    """By what stands before them: a duration in words where PromQL wants one, else a number."""
    problems = Problems()
    assert substitute_parameters(said(text), AMOUNTS, "orders", problems) == expected
    assert not problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > $windo", 'p.yaml:3: expr: unknown parameter $windo; did you mean "window"?'),
        ("x > $", "p.yaml:3: expr: unknown parameter $"),
        ("x[$share]", "p.yaml:3: expr: $share is no duration, and [ takes one"),
        ("x offset $many", "p.yaml:3: expr: $many is no duration, and offset takes one"),
    ],
)
def test_references_to_nothing_are_noted(text, expected):
    """With the nearest name; once, however often the expression is completed."""
    problems = Problems()
    substitute_parameters(said(text), AMOUNTS, "orders", problems)
    substitute_parameters(said(text), AMOUNTS, "orders", problems)
    assert problems.lines() == (expected,)


def test_the_names_in_use_are_known():
    """Across several expressions, each once."""
    assert references([said("$a + $b"), said("x[$b]"), said("none")]) == {"a", "b"}


def test_parameters_nobody_takes_are_noted():
    """As are those that have the name of what is always there."""
    problems = Problems()
    places = {name: Place("p.yaml", line, name) for line, name in enumerate(("a", "b", "threshold"), 1)}
    parameters = [ExpressionParameter(SourceText(name, place), Amount(1)) for name, place in places.items()]
    check_unused_parameters(parameters, [said("$a > $threshold")], problems)
    assert problems.lines() == (
        "p.yaml:2: b: unused: no expression of this entry has it",
        "p.yaml:3: threshold: the policy itself gives this name a meaning",
    )
