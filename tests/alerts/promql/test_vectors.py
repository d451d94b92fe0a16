"""Floats that behave as in Go, and vectors that hold each set of labels once."""

import math

import pytest

from alerts.promql.vectors import EvaluationError, collect, divide, quantile, total, value_of, without_metric_name

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("dividend", "divisor", "expected"),
    [
        (1, 4, 0.25),
        (1, 0.0, INF),
        (-1, 0.0, -INF),
        (1, -0.0, -INF),
        (0, 0, NAN),
        (NAN, 0, NAN),
        (INF, 0, INF),
        (1, NAN, NAN),
    ],
)
def test_divide(dividend: float, divisor: float, expected: float) -> None:
    """Never raises."""
    assert divide(dividend, divisor) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1] * 10, 1.0),
        ([1e100, 1.0, -1e100], 1.0),
        ([INF, 1], INF),
        ([INF, -INF], NAN),
        ([1e308, 1e308], INF),
        ([], 0),
    ],
)
def test_total(values: list[float], expected: float) -> None:
    """Exact where it can be, and never raises."""
    assert total(values) == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


def test_the_sum_of_nothing_below_zero() -> None:
    """Zero keeps its sign, which a division shows."""
    assert math.copysign(1, total([-0.0, -0.0])) == -1
    assert math.copysign(1, total([-0.0, 0.0])) == 1


def test_quantile() -> None:
    """NaN is the lowest value; the quantile of no values is NaN."""
    assert quantile(0.5, [3, 1, 2]) == 2
    assert quantile(1, [NAN, 1]) == 1
    assert math.isnan(quantile(0, [1, NAN]))
    assert math.isnan(quantile(0.5, []))
    assert math.isnan(quantile(NAN, [1]))
    assert quantile(-0.1, [1]) == -INF


def test_labels() -> None:
    """The metric's name can be taken off, and a label that is missing is empty."""
    labels = (("__name__", "x"), ("a", "1"))
    assert without_metric_name(labels) == (("a", "1"),)
    assert value_of(labels, "a") == "1"
    assert value_of(labels, "b") == ""


def test_collect() -> None:
    """Labels that occur twice make no vector."""
    assert collect([((), 1.0)]) == {(): 1.0}
    with pytest.raises(EvaluationError, match="same labelset"):
        collect([((), 1.0), ((), 2.0)])
