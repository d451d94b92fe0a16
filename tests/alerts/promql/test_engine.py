"""Instant queries: times, staleness, absence, conversion of scalars to vectors and back, shared subexpressions."""

import math
from array import array

import pytest

from alerts.promql.engine import Engine
from alerts.promql.parse import parse
from alerts.promql.storage import Series
from alerts.promql.vectors import EvaluationError
from tests.alerts.promql.notation import evaluated, one, storage

SEEN = storage('x{a="1"} 1 2 3 _\nx{a="2"} 4 _ 5 6\nalone 7 8 9 10')


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x", {"__name__=x,a=2": 6}),
        ("x offset 15s", {"__name__=x,a=1": 3, "__name__=x,a=2": 5}),
        ('x{a="1"} offset 20s', {"__name__=x,a=1": 2}),
        ("nothing", {}),
        ("timestamp(x)", {"a=2": 45}),
        ("timestamp(alone offset 15s)", {"": 30}),
        ("timestamp(alone + 0)", {"": 47}),
        ("vector(time())", {"": 47}),
        ("vector(scalar(alone))", {"": 10}),
        ("absent(x)", {}),
        ("absent(nothing)", {"": 1}),
        ('absent(nothing{a="1",b!="2",c=~"3"})', {"a=1": 1}),
        ('absent(nothing{a="1",a="2"})', {"": 1}),
        ("absent(sum(nothing))", {"": 1}),
        ("absent_over_time(x[1m])", {}),
        ('absent_over_time(x{a="3"}[1m])', {"a=3": 1}),
    ],
)
def test_instant(expression: str, expected: dict[str, float]) -> None:
    """At two seconds after the last of four scrapes."""
    assert evaluated(expression, SEEN, 47) == expected


def test_scalar_of_other_than_one_series() -> None:
    """The scalar of no series and of two series is NaN."""
    assert math.isnan(one("vector(scalar(nothing))", SEEN))
    assert math.isnan(one("vector(scalar(x offset 15s))", SEEN, 47))


def test_a_scalar_becomes_a_vector() -> None:
    """A rule whose expression is a scalar has one sample without labels."""
    assert evaluated("1 + 1", SEEN, 0) == {"": 2}


def test_shared_subexpressions_are_evaluated_once_per_evaluation() -> None:
    """Within one evaluation a shared subexpression keeps its result; the next evaluation reads the storage again."""
    series, tree = storage("x 1"), parse("x + x")
    engine = Engine(series, [tree])
    evaluate = engine.compile(tree)
    assert evaluate(0) == {(): 2}
    series.restore(Series("x", (), times=array("q", [0]), values=array("d", [5.0])))
    assert evaluate(0) == {(): 2}
    engine.start_evaluation()
    assert evaluate(0) == {(): 10}
    assert evaluate(1) == {(): 10}


@pytest.mark.parametrize("right", ["z * ignoring (a) y", "y * ignoring (a) y", "count(y) * ignoring (a) y"])
def test_an_intersection_raises_although_its_left_side_is_empty(right: str) -> None:
    """Its right side is skipped only where that cannot raise."""
    with pytest.raises(EvaluationError, match="many-to-many"):
        evaluated(f"(x == 0) and ignoring (a) ({right})", storage('x 1\ny{a="1"} 1\ny{a="2"} 1\nz 1'), 0)


@pytest.mark.parametrize(("left", "expected"), [("x == 0", {}), ("x == 1", {"__name__=x": 1}), ("x < bool 1", {"": 0})])
def test_an_intersection_with_an_increase(left: str, expected: dict[str, float]) -> None:
    """Whichever side is evaluated first."""
    right = "max_over_time(y[1m]) - (y offset 15s <= min_over_time(y[1m]) or min_over_time(y[1m])) > 0"
    assert (
        evaluated(f"({left}) and ignoring (a) ({right})", storage('x 1 1\ny{a="1"} 1 3\ny{a="2"} 1 1'), 15) == expected
    )


def test_functions_drop_the_name() -> None:
    """A computed value loses the metric name; a selected one keeps it."""
    assert evaluated('abs(x{a="2"})', SEEN, 47) == {"a=2": 6}
    assert evaluated('x{a="2"} > 1', SEEN, 47) == {"__name__=x,a=2": 6}


def test_nan_is_a_value() -> None:
    """It is no sign of staleness."""
    assert math.isnan(one("x", storage("x nan"), 0))
