"""Instant vectors, and arithmetic on floats that behaves as in Go."""

import math
from collections.abc import Iterable, Sequence

from alerts.model import Labels
from alerts.promql.syntax_tree import NAME

# Values by labels; the metric's name is among the labels until an operation removes it.
Vector = dict[Labels, float]


class EvaluationError(Exception):
    """An expression is invalid for the series that exist: a sample has two matches where one is allowed."""


def collect(pairs: Iterable[tuple[Labels, float]]) -> Vector:
    """A vector of these samples. Raises: EvaluationError when labels occur twice."""
    vector: Vector = {}
    for labels, value in pairs:
        if labels in vector:
            raise EvaluationError(f"vector cannot contain metrics with the same labelset: {dict(labels)}")
        vector[labels] = value
    return vector


def without_metric_name(labels: Labels) -> Labels:
    """The labels without the metric's name, which a calculated value no longer has."""
    return tuple([pair for pair in labels if pair[0] != NAME])


def value_of(labels: Labels, name: str) -> str:
    """The value of a label, empty when it is missing."""
    return next((value for label, value in labels if label == name), "")


def divide(dividend: float, divisor: float) -> float:
    """Division as in IEEE 754: by zero, the result is infinite or NaN."""
    if divisor:
        return dividend / divisor
    if math.isnan(divisor) or math.isnan(dividend) or not dividend:
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1, divisor)


def total(values: Iterable[float]) -> float:
    """The sum, rounded once; infinities of both signs give NaN."""
    values = list(values)
    if not any(values):
        return sum(values, -0.0)  # keeps the sign of zero, on which a division depends
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


def greatest(values: Iterable[float]) -> float:
    """The greatest value that is not NaN; NaN without one."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def least(values: Iterable[float]) -> float:
    """The least value that is not NaN; NaN without one."""
    return min((value for value in values if not math.isnan(value)), default=math.nan)


def mean(values: Sequence[float]) -> float:
    """The sum divided by the count, of at least one value."""
    return total(values) / len(values)


def variance(values: Sequence[float]) -> float:
    """The mean square distance from the mean, by Welford's method, of at least one value."""
    centre = squares = 0.0
    for count, value in enumerate(values, start=1):
        distance = value - centre
        centre += distance / count
        squares += distance * (value - centre)
    return squares / len(values)


def quantile(phi: float, values: Iterable[float]) -> float:
    """The φ-quantile, linearly interpolated; NaN of no values, ±infinity for φ outside of 0 to 1."""
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value))
    if not ordered or math.isnan(phi):
        return math.nan
    if not 0 <= phi <= 1:
        return math.copysign(math.inf, phi)
    rank = phi * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(len(ordered) - 1, lower + 1)
    weight = rank - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight
