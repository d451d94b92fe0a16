"""Arithmetic, comparisons and sets: values, labels, and errors."""

import math

import pytest

from alerts.promql.vectors import EvaluationError
from tests.alerts.promql.notation import evaluated, one, storage

NAN, INF = math.nan, math.inf

SEEN = storage(
    """
    x{job="a",state="up"} 1
    x{job="a",state="down"} 2
    x{job="b",state="up"} 3
    y{job="a",colour="red"} 10
    y{job="b",colour="blue"} 20
    z{job="a",state="up"} 5
    """
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 / 0", INF),
        ("-1 / 0", -INF),
        ("1 / -0", -INF),
        ("0 / 0", NAN),
        ("5 % 3", 2),
        ("-5 % 3", -2),
        ("5 % 0", NAN),
        ("2 ^ 10", 1024),
        ("(-8) ^ (1 / 3)", NAN),
        ("0 ^ -1", INF),
        ("10 ^ 400", INF),
        ("(-10) ^ 401", -INF),
        ("-(2 ^ 2)", -4),
        ("3 > bool 2", 1),
        ("3 == bool NaN", 0),
        ("NaN != bool NaN", 1),
    ],
)
def test_scalars(expression: str, expected: float) -> None:
    """As IEEE 754 has it."""
    assert one(f"vector({expression})") == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("y * 2", {"colour=red,job=a": 20, "colour=blue,job=b": 40}),
        ("100 - y", {"colour=red,job=a": 90, "colour=blue,job=b": 80}),
        ("y > 15", {"__name__=y,colour=blue,job=b": 20}),
        ("15 > y", {"__name__=y,colour=red,job=a": 10}),  # the vector's value, on whichever side it is
        ("y > bool 15", {"colour=red,job=a": 0, "colour=blue,job=b": 1}),
        ("-y", {"colour=red,job=a": -10, "colour=blue,job=b": -20}),
        ("x + z", {"job=a,state=up": 6}),
        ("x < z", {"__name__=x,job=a,state=up": 1}),
        ("x < bool z", {"job=a,state=up": 1}),
        ('x{state="up"} + on (job) y', {"job=a": 11, "job=b": 23}),
        ('x{state="up"} + ignoring (state, colour) y', {"job=a": 11, "job=b": 23}),
        ('x{state="up"} < on (job) y', {"job=a": 1, "job=b": 3}),
        ("x * on (job) group_left () y", {"job=a,state=up": 10, "job=a,state=down": 20, "job=b,state=up": 60}),
        (
            'x{state="up"} * on (job) group_left (colour, state) y',
            {"colour=red,job=a": 10, "colour=blue,job=b": 60},
        ),
        ("y - on (job) group_right () x", {"job=a,state=up": 9, "job=a,state=down": 8, "job=b,state=up": 17}),
        ("y > on (job) group_right () x{job='b'}", {"__name__=x,job=b,state=up": 20}),
        ("x and z", {"__name__=x,job=a,state=up": 1}),
        ('x and on (job) y{colour="blue"}', {"__name__=x,job=b,state=up": 3}),
        ("x unless z", {"__name__=x,job=a,state=down": 2, "__name__=x,job=b,state=up": 3}),
        ("x unless ignoring (state) z", {"__name__=x,job=b,state=up": 3}),
        ("z or x", {"__name__=z,job=a,state=up": 5, "__name__=x,job=a,state=down": 2, "__name__=x,job=b,state=up": 3}),
        ("z or on () x", {"__name__=z,job=a,state=up": 5}),
        ("nothing or z", {"__name__=z,job=a,state=up": 5}),
        ("nothing + x", {}),
        ("x and nothing", {}),
        ("x + on (job) nothing", {}),  # two of one job, but nothing to match
    ],
)
def test_vectors(expression: str, expected: dict[str, float]) -> None:
    """Which pairs are found, and which labels are left."""
    assert evaluated(expression, SEEN, 0) == expected


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("y + on (job) x", "many-to-many matching not allowed"),
        ("x + on (job) y", "many-to-one matching must be explicit"),
        ("x * on (job) group_left (state) y", "same labelset"),
        ("-(y or on (__name__) w)", "same labelset"),
    ],
)
def test_ambiguous(expression: str, why: str) -> None:
    """An ambiguous match is refused, as it is by Prometheus."""
    with pytest.raises(EvaluationError) as refused:
        evaluated(
            expression, storage('x{job="a",state="up"} 1\nx{job="a",state="down"} 1\ny{job="a"} 1\nw{job="a"} 1'), 0
        )
    assert why in str(refused.value)
