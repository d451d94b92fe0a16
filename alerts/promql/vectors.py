"""Instant vectors: one value for each set of labels, and floats that behave as in Go."""

import math
from collections.abc import Iterable, Sequence

from alerts.model import Labels
from alerts.promql.syntax_tree import NAME

# Values by labels; the metric's name is among them as long as it holds.
Vector = dict[Labels, float]


class EvaluationError(Exception):
    """An expression that makes no sense for the series that there are, such as two matches where one is meant."""


def collect(pairs: Iterable[tuple[Labels, float]]) -> Vector:
    """A vector of these. Raises: EvaluationError when labels occur twice."""
    vector: Vector = {}
    for labels, value in pairs:
        if labels in vector:
            raise EvaluationError(f"vector cannot contain metrics with the same labelset: {dict(labels)}")
        vector[labels] = value
    return vector


def without_metric_name(labels: Labels) -> Labels:
    """The labels without the metric's name: what an operation makes is no longer that metric."""
    return tuple([pair for pair in labels if pair[0] != NAME])


def value_of(labels: Labels, name: str) -> str:
    """The value of a label, empty when it is missing."""
    return next((value for label, value in labels if label == name), "")


def divide(dividend: float, divisor: float) -> float:
    """As IEEE 754 has it: by zero, the result is infinite or no number."""
    if divisor:
        return dividend / divisor
    if math.isnan(divisor) or math.isnan(dividend) or not dividend:
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1, divisor)


def total(values: Iterable[float]) -> float:
    """The sum without rounding errors in between; infinities that cancel each other make no number."""
    values = list(values)
    if not any(values):
        return sum(values, -0.0)  # zero has a sign, which a division shows
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


def greatest(values: Iterable[float]) -> float:
    """The greatest value that is a number."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def least(values: Iterable[float]) -> float:
    """The least value that is a number."""
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
    """The value below which that share lies, between two of them in proportion; no number when there is none."""
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
