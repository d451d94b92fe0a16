"""The rules of fields: accepted values, conversions, and errors."""

import math
from typing import Any

import pytest

from exporter.application import fields
from exporter.application.envelope import AMBIGUOUS
from exporter.application.fields import Field, Rule, read
from exporter.core.errors import BadPayload

NOT_NUMBERS: tuple[Any, ...] = (None, True, False, "5", "", [], {}, [5.0], AMBIGUOUS)
NOT_TEXTS: tuple[Any, ...] = (None, True, 1763460001.25, [], {}, AMBIGUOUS)
NO_AMOUNTS = (math.nan, math.inf, -math.inf, -1.0, -0.001, 2.0**53)

GOOD: list[tuple[Rule, Any, float | None]] = [
    (fields.flag, True, 1),
    (fields.flag, False, 0),
    (fields.count, 0.0, 0),
    (fields.count, 998.0, 998),
    (fields.count, 2.0**53 - 1, 2**53 - 1),
    (fields.seconds, 1.2, 1.2),
    (fields.milliseconds, 85.0, 0.085),
    (fields.mean_of_milliseconds, [80.0, 90.0], 0.085),
    (fields.mean_of_milliseconds, [], None),
    (fields.ratio, 0.0, 0),
    (fields.ratio, 1.0, 1),
    (fields.percent, 99.8, 0.998),
    (fields.percent, 100.0, 1),
    (fields.moment, None, None),  # before the first poll
    (fields.moment, "1970-01-01T00:00:00.000Z", 0),
    (fields.moment, "2025-11-18T10:00:01.250Z", 1763460001.25),
    (fields.moment, "2025-11-18T12:00:01.250+02:00", 1763460001.25),
]
BAD: list[tuple[Rule, Any]] = [
    *((fields.flag, value) for value in (*NOT_NUMBERS, 1.0, 0.0) if not isinstance(value, bool)),
    *((fields.count, value) for value in (*NOT_NUMBERS, *NO_AMOUNTS, 1.5)),
    *((fields.seconds, value) for value in (*NOT_NUMBERS, *NO_AMOUNTS)),
    *((fields.milliseconds, value) for value in (*NOT_NUMBERS, *NO_AMOUNTS)),
    *((fields.mean_of_milliseconds, [85.0, value]) for value in (*NOT_NUMBERS, *NO_AMOUNTS)),
    *((fields.mean_of_milliseconds, value) for value in (*NOT_TEXTS, "85") if value != []),
    *((fields.ratio, value) for value in (*NOT_NUMBERS, *NO_AMOUNTS, 1.001)),
    *((fields.percent, value) for value in (*NOT_NUMBERS, *NO_AMOUNTS, 100.1)),
    *((fields.moment, value) for value in (*NOT_TEXTS, "", "now", "\ud800") if value is not None),
    *((fields.moment, f"{value}Z") for value in ("2025-11-18", "2025-02-30T00:00:00", "1969-12-31T23:59:59", "9" * 99)),
    (fields.moment, "2025-11-18T10:00:01.250"),
    (fields.moment, "0001-01-01T00:00:00+23:59"),
]


@pytest.mark.parametrize(("rule", "value", "expected"), GOOD)
def test_well_formed_value_is_taken_in_base_units(rule, value, expected):
    """Milliseconds become seconds, percent become ratios, times become Unix seconds."""
    assert rule(value) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("rule", "value"), BAD)
def test_anything_else_is_refused(rule, value):
    """No number is guessed from another type, and none is taken that cannot be true."""
    with pytest.raises(BadPayload, match=r"^expected .+, got "):
        rule(value)


def test_minus_zero_is_zero():
    """A negative zero would be shown as -0."""
    assert math.copysign(1, fields.count(-0.0)) == 1


@pytest.mark.parametrize("text", ["hunter2", "postgres://user:hunter2@db/x"])
def test_refusal_never_repeats_a_text(text):
    """A value of a number field may be anything, a secret included."""
    with pytest.raises(BadPayload) as caught:
        fields.count(text)
    assert str(caught.value) == "expected a whole number from 0, got a string"


def test_one_bad_field_affects_no_other():
    """The fields around a bad one keep their values; the complaint names its path."""
    table = (Field("a", fields.count), Field("b.c", fields.count), Field("b.d", fields.count))
    values, problems = read({"a": 1.0, "b": {"c": None, "d": 2.0}}, table)
    assert values == {"a": 1, "b.d": 2}
    assert problems == ("b.c: expected a whole number from 0, got null",)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({}, "b: missing"),
        ({"b": None}, "b: expected an object, got null"),
        ({"b": [1.0]}, "b: expected an object, got a list"),
        ({"b": {}}, "b.c: missing"),
    ],
)
def test_missing_object_is_one_problem(payload, problem):
    """An object that is not there is named once, not once for each field in it."""
    values, problems = read(payload, (Field("b.c", fields.count), Field("b.c", fields.seconds)))
    assert values == {}
    assert problems == (problem,)
