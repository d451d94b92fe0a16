"""What remains of expressions whose series `gone` never exists: what Prometheus would give without it."""

from __future__ import annotations

import pytest

from alerts.promql.absence import NoResult, remaining
from alerts.promql.parse import parse
from alerts.promql.printer import written
from alerts.promql.syntax_tree import VectorSelector
from tests.alerts.promql.notation import evaluated, storage

SEEN = storage("a 1 2 3 4\nb 4 3 5 6")


def reason(selector: VectorSelector) -> str:
    return "not there" if selector.metric == "gone" else ""


@pytest.mark.parametrize(
    ("expr", "left"),
    [
        ("gone or a", "a"),
        ("a or gone", "a"),
        ("a unless gone", "a"),
        ("(a > 1) unless (gone == 1)", "a > 1"),
        ("sum by (x) (rate(gone[5m])) or max without (x) (a)", "max without (x) (a)"),
        ("(gone / b > 1 and a) or (resets(a[5m]) == 0)", "resets(a[5m]) == 0"),
        ("a + (gone or b)", "a + b"),
        ("-(gone or b)", "-b"),
        ("clamp_min(gone or b, 0)", "clamp_min(b, 0)"),
        ("(gone > bool 0) or 0 * a", "0 * a"),
    ],
)
def test_a_part_remains(expr, left):
    """Without the missing series."""
    found = remaining(parse(expr), reason)
    assert not isinstance(found, NoResult)
    assert written(found) == left


@pytest.mark.parametrize(
    "expr",
    [
        "gone",
        "gone unless a",
        "a and gone",
        "a * gone",
        "gone > 5",
        "rate(gone[5m])",
        "histogram_quantile(0.9, rate(gone[5m]))",
        "max(gone) or rate(gone[1h])",
        "max(gone) or vector(NaN)",  # it says nothing about any other series
        "-gone",
    ],
)
def test_nothing_remains(expr):
    """With the reason of the series."""
    assert remaining(parse(expr), reason) == NoResult("not there")


@pytest.mark.parametrize("expr", ["a", "vector(1) == 1", "a or b", "absent(gone)", "scalar(gone) + a", "rate(a[5m])"])
def test_all_of_it_remains(expr):
    """The same object: absence itself is a result."""
    tree = parse(expr)
    assert remaining(tree, reason) is tree


@pytest.mark.parametrize(
    "expr",
    [
        "gone or a",
        "a unless gone",
        "a + (gone or b)",
        "(gone > bool 0) or 0 * a",
        "sum(gone) or rate(gone[1m])",
        "a and gone",
        "(a > bool 1) and (gone == 1) or resets(b[1m])",
    ],
)
def test_the_engine_agrees(expr):
    """An expression has the same result as what remains of it."""
    found = remaining(parse(expr), reason)
    result = {} if isinstance(found, NoResult) else evaluated(written(found), SEEN, 47)
    assert evaluated(expr, SEEN, 47) == result
