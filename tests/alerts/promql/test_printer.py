"""A syntax tree as text: parsing it gives the same tree."""

from __future__ import annotations

import math

import pytest

from alerts.policy.load import load_policy
from alerts.promql.parse import parse
from alerts.promql.printer import written
from alerts.promql.syntax_tree import NumberLiteral


@pytest.mark.parametrize("exhausted_apart", [False, True])
def test_every_expression_of_the_policy(exhausted_apart):
    """Signals and rules, whatever they are made of."""
    policy = load_policy(exhausted_apart=exhausted_apart)
    for expr in (*(signal.expr for signal in policy.signals), *(rule.expr for rule in policy.rules)):
        tree = parse(expr)
        assert parse(written(tree)) == tree, expr


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        ('a{x="1",y!~"b|c"} offset 90m', 'a{x="1",y!~"b|c"} offset 1h30m'),
        ("rate(a[5m] offset 1d)", "rate(a[5m] offset 1d)"),
        ("- (a + 1.5e3)", "-(a + 1500)"),
        ("sum by () (a)", "sum (a)"),
        ("max without (pod, instance) (a)", "max without (instance, pod) (a)"),
        ("quantile by (x) (0.9, a)", "quantile by (x) (0.9, a)"),
        ("a > bool on () b", "a > bool on () b"),
        ("a * ignoring (x) group_left (y) b", "a * ignoring (x) group_left (y) b"),
        ("(a or b) unless c", "(a or b) unless c"),
        ("a ^ b ^ c", "a ^ (b ^ c)"),
        ("vector(Inf)", "vector(Inf)"),
        (r'a{x=~"\\d+"}', r'a{x=~"\\d+"}'),
    ],
)
def test_the_text(expr, text):
    """Labels in order, operations in parentheses, times in the largest units."""
    assert written(parse(expr)) == text
    assert parse(text) == parse(expr)


def test_numbers_without_digits():
    """As PromQL writes them."""
    assert [written(NumberLiteral(value)) for value in (math.inf, -math.inf, math.nan)] == ["Inf", "-Inf", "NaN"]
