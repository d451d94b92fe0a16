"""Functions of single values, at the edges of what a number can be; quantiles of histograms."""

import math

import pytest

from tests.alerts.promql.notation import evaluated, one, storage

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("abs(vector(-2))", 2),
        ("ceil(vector(1.2))", 2),
        ("floor(vector(-1.2))", -2),
        ("ceil(vector(Inf))", INF),
        ("1 / ceil(vector(-0.5))", -INF),
        ("exp(vector(1000))", INF),
        ("exp(vector(-1000))", 0),
        ("sqrt(vector(-1))", NAN),
        ("sqrt(vector(9))", 3),
        ("ln(vector(0))", -INF),
        ("ln(vector(-1))", NAN),
        ("ln(vector(NaN))", NAN),
        ("log2(vector(8))", 3),
        ("log10(vector(1000))", 3),
        ("round(vector(2.5))", 3),
        ("round(vector(-2.5))", -2),
        ("round(vector(12.3), 5)", 10),
        ("round(vector(NaN))", NAN),
        ("round(vector(3), 0)", NAN),
        ("sgn(vector(-3))", -1),
        ("sgn(vector(0))", 0),
        ("sgn(vector(NaN))", NAN),
        ("clamp(vector(7), 1, 5)", 5),
        ("clamp(vector(7), 5, 5)", 5),
        ("clamp(vector(NaN), 1, 5)", NAN),
        ("clamp_min(vector(7), 9)", 9),
        ("clamp_max(vector(7), 5)", 5),
        ("clamp_max(vector(7), NaN)", NAN),
    ],
)
def test_elements(expression: str, expected: float) -> None:
    """As in Go, and no exception anywhere."""
    assert one(expression) == pytest.approx(expected, nan_ok=True)


def test_clamp_with_a_lower_bound_above_the_upper_one() -> None:
    """The result is empty."""
    assert evaluated("clamp(vector(7), 5, 1)", storage("x 1"), 0) == {}


HISTOGRAM = """
h{le="1"} 0 10
h{le="2"} 0 30
h{le="+Inf"} 0 40
"""


@pytest.mark.parametrize(
    ("share", "expected"),
    [("0", 0), ("0.125", 0.5), ("0.5", 1.5), ("0.75", 2), ("0.9", 2), ("1", 2), ("-1", -INF), ("2", INF), ("NaN", NAN)],
)
def test_histogram_quantile(share: str, expected: float) -> None:
    """In proportion within a bucket; the last but one bound where it is beyond."""
    assert one(f"histogram_quantile({share}, h)", storage(HISTOGRAM), 15) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ('h{le="1"} 10\nh{le="2"} 30', NAN),  # without the bucket +Inf
        ('h{le="+Inf"} 10', NAN),
        ('h{le="1"} 0\nh{le="+Inf"} 0', NAN),
        ('h{le="-1"} 10\nh{le="+Inf"} 10', -1),  # below zero, the start of the bucket is unknown
        ('h{le="1"} 10\nh{le="1.0"} 10\nh{le="+Inf"} 40', 1),  # the same bound twice
        ('h{le="1"} 10\nh{le="2"} 8\nh{le="+Inf"} 20', 1),  # counts that go down are held up
        ('h{le="1"} 10\nh{le="nonsense"} 8\nh{le="+Inf"} 20', 1),
    ],
)
def test_histograms_that_are_none(series: str, expected: float) -> None:
    """An incomplete histogram has no quantile, or that of its remaining buckets."""
    assert one("histogram_quantile(0.5, h)", storage(series), 0) == pytest.approx(expected, nan_ok=True)


def test_each_histogram_by_itself() -> None:
    """Labels other than the bound identify histograms, and are kept."""
    seen = storage('h{a="1",le="1"} 1\nh{a="1",le="+Inf"} 1\nh{a="2",le="4"} 1\nh{a="2",le="+Inf"} 1')
    assert evaluated("histogram_quantile(0.5, h)", seen, 0) == {"a=1": 0.5, "a=2": 2}


def test_without_bounds_nothing() -> None:
    """Series that have no bound are passed over."""
    assert evaluated("histogram_quantile(0.5, x)", storage("x 1"), 0) == {}
