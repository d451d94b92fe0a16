"""Functions over windows, by numbers that one can check by hand. That Prometheus agrees, test_differential shows."""

import math

import pytest

from tests.alerts.promql.notation import evaluated, one, storage

NAN = math.nan


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        # Five samples fill the window from its first moment to its last; the one on the left edge is not in it.
        ("increase(x[75s])", "0 10 20 30 40", 40),
        ("increase(x[60s])", "100 110 120 130 140", 40),
        ("rate(x[60s])", "100 110 120 130 140", 40 / 60),
        ("increase(x[60s])", "100 110 5 15 25", 25 * 60 / 45),
        ("delta(x[60s])", "100 110 90 80 70", -40 * 60 / 45),
        ("irate(x[60s])", "100 110 120 130 160", 2),
        ("irate(x[60s])", "100 110 120 130 30", 2),
        ("irate(x[60s])", "100 110 120 130 130", 0),
        ("idelta(x[60s])", "100 110 120 130 30", -100),
        ("deriv(x[90s])", "0 30 60 90 120", 2),
        ("predict_linear(x[90s], 60)", "0 30 60 90 120", 240),
        ("deriv(x[90s])", "7 7 7 7 7", 0),
        ("predict_linear(x[90s], 60)", "7 7 7 7 7", 7),
        ("deriv(x[90s])", "7 7 7 7 inf", NAN),
        ("changes(x[90s])", "1 2 2 nan nan", 2),
        ("resets(x[90s])", "3 2 2 5 1", 2),
        ("avg_over_time(x[90s])", "1 2 3 4 5", 3),
        ("min_over_time(x[90s])", "nan 2 3 4 5", 2),
        ("max_over_time(x[90s])", "nan 2 9 4 5", 9),
        ("max_over_time(x[90s])", "nan nan nan nan nan", NAN),
        ("sum_over_time(x[90s])", "1 2 3 4 5", 15),
        ("sum_over_time(x[90s])", "1 inf 3 -inf 5", NAN),
        ("count_over_time(x[90s])", "1 _ _ 4 5", 3),
        ("present_over_time(x[90s])", "0 0 0 0 0", 1),
        ("stdvar_over_time(x[90s])", "1 2 3 4 5", 2),
        ("stddev_over_time(x[90s])", "1 1 1 1 1", 0),
        ("quantile_over_time(0.25, x[90s])", "5 4 3 2 1", 2),
    ],
)
def test_values(expression: str, values: str, expected: float) -> None:
    """One value every fifteen seconds, asked at the time of the fifth."""
    assert one(expression, storage(f"x {values}")) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("function", ["rate", "increase", "delta", "irate", "idelta", "deriv"])
def test_a_change_takes_two(function: str) -> None:
    """One sample has neither slope nor change."""
    assert evaluated(f"{function}(x[20s])", storage("x 1 2 3 4 5"), 60.5) != {}
    assert evaluated(f"{function}(x[10s])", storage("x 1 2 3 4 5"), 60) == {}


def test_extrapolation_stops_at_zero() -> None:
    """A counter at 10 did not start below zero: extrapolation before the first sample adds 10 at most."""
    assert one("increase(x[10m])", storage("x 0 _ 10 30 50"), 60) == pytest.approx(50)
    assert one("increase(x[60s])", storage("x 5 5 5 25 45"), 60) == pytest.approx(40 + 5)


def test_extrapolation_stops_half_a_distance_beyond() -> None:
    """A series that began within the window is taken to have begun half a distance before its first sample."""
    assert one("delta(x[10m])", storage("x 0 10 20 30 40"), 60) == pytest.approx(40 * (60 + 7.5) / 60)
    # Since Prometheus 2.51, a counter's zero does not stretch that again.
    assert one("increase(x[10m])", storage("x 9 19 29 39 49"), 60) == pytest.approx(40 * (60 + 7.5) / 60)


def test_last_over_time_keeps_the_name() -> None:
    """As of a selector with an offset; the results of the other functions have no metric name."""
    samples = storage('x{a="b"} 1 2 3')
    assert evaluated("last_over_time(x[5m])", samples, 40) == {"__name__=x,a=b": 3}
    assert evaluated("sum_over_time(x[5m])", samples, 40) == {"a=b": 6}


def test_offset_moves_the_window() -> None:
    """The window ends so long ago."""
    assert one("sum_over_time(x[30s] offset 30s)", storage("x 1 2 4 8 16"), 60) == 2 + 4
    assert one("predict_linear(x[61s] offset 15s, 0)", storage("x 0 15 30 45 99"), 60) == pytest.approx(60)
