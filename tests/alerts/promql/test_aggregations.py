"""Grouping and aggregation."""

import math

import pytest

from tests.alerts.promql.notation import evaluated, storage

SEEN = storage(
    'x{job="a",state="up"} 1\nx{job="a",state="down"} 3\nx{job="b",state="up"} 8\nwild{a="1"} nan\nwild{a="2"} 4'
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sum(x)", {"": 12}),
        ("sum by (job) (x)", {"job=a": 4, "job=b": 8}),
        ("sum without (job) (x)", {"state=up": 9, "state=down": 3}),
        ("sum by (missing) (x)", {"": 12}),
        ("sum by (__name__) (x)", {"__name__=x": 12}),
        ("min by (job) (x)", {"job=a": 1, "job=b": 8}),
        ("max by (job) (x)", {"job=a": 3, "job=b": 8}),
        ("avg by (job) (x)", {"job=a": 2, "job=b": 8}),
        ("count by (job) (x)", {"job=a": 2, "job=b": 1}),
        ("group by (job) (x)", {"job=a": 1, "job=b": 1}),
        ("stddev by (job) (x)", {"job=a": 1, "job=b": 0}),
        ("stdvar (x)", {"": pytest.approx(26 / 3)}),
        ("quantile by (job) (0.5, x)", {"job=a": 2, "job=b": 8}),
        ("quantile(2, x)", {"": math.inf}),
        ("sum(nothing)", {}),
        ("max(wild)", {"": 4}),
        ("min(wild)", {"": 4}),
        ("sum(wild)", {"": pytest.approx(math.nan, nan_ok=True)}),
    ],
)
def test_aggregations(expression: str, expected: dict[str, float]) -> None:
    """One value for each group; an empty vector has no groups; min and max ignore NaN."""
    assert evaluated(expression, SEEN, 0) == expected
