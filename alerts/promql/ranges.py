"""Functions over the samples of a window: how a series has behaved of late. As in Prometheus 3.

They differ from Prometheus 2 in corners only: a window is open on its left, so that a sample exactly on its edge is
not in it; and a counter that was born inside the window is extrapolated to its zero with more care (since 2.51).
"""

import math
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from alerts.promql.vectors import divide, greatest, least, mean, quantile, total, variance

# As near to the window's edge as so many average distances between samples, another sample is expected beyond it.
_EXTRAPOLATION_THRESHOLD = 1.1


@dataclass(frozen=True, slots=True)
class Points:
    """The samples of one series after `start` and up to `end`, at least one; `at` is the time of the evaluation.

    Units: milliseconds.
    """

    times: "array[int]"
    values: "array[float]"
    start: int
    end: int
    at: int

    @property
    def finite(self) -> bool:
        """Whether all values are numbers that one can add up."""
        return math.isfinite(sum(self.values)) or all(map(math.isfinite, self.values))


# What it makes of the points and of the scalars beside them; None when there are too few.
RangeFunction = Callable[..., float | None]


def increase(points: Points) -> float | None:
    """How much a counter went up within the window, its resets mended, extrapolated to the window's edges."""
    values = points.values.tolist()
    lost = 0.0 if _in_order(values) else sum(before for before, after in pairwise(values) if after < before)
    return _extrapolated(points, values[-1] - values[0] + lost, counter=True)


def _in_order(values: list[float]) -> bool:
    """Whether none is less than the one before: a counter that was never reset.

    Evaluating spends its time with windows of counters, and this is quickly seen.
    """
    return values == sorted(values)


def rate(points: Points) -> float | None:
    """`increase` per second."""
    result = increase(points)
    return None if result is None else result / ((points.end - points.start) / 1000)


def delta(points: Points) -> float | None:
    """How much a gauge changed within the window, extrapolated to the window's edges."""
    return _extrapolated(points, points.values[-1] - points.values[0], counter=False)


def _extrapolated(points: Points, change: float, *, counter: bool) -> float | None:
    """What the change would be over the whole window.

    A series whose first or last sample is far from the window's edge is taken to have begun or ended half a distance
    further out; a counter never began below zero.
    """
    if len(points.times) < 2:  # noqa: PLR2004 - a change takes two
        return None
    sampled = (points.times[-1] - points.times[0]) / 1000
    distance = sampled / (len(points.times) - 1)
    to_start = (points.times[0] - points.start) / 1000
    to_end = (points.end - points.times[-1]) / 1000
    if to_start >= distance * _EXTRAPOLATION_THRESHOLD:
        to_start = distance / 2
    if to_end >= distance * _EXTRAPOLATION_THRESHOLD:
        to_end = distance / 2
    if counter and change > 0 and points.values[0] >= 0:
        to_start = min(to_start, sampled * (points.values[0] / change))
    return change * ((sampled + to_start + to_end) / sampled)


def idelta(points: Points) -> float | None:
    """The change between the last two samples."""
    return None if len(points.values) < 2 else points.values[-1] - points.values[-2]  # noqa: PLR2004 - see above


def irate(points: Points) -> float | None:
    """How fast a counter went up between the last two samples, per second."""
    change = idelta(points)
    if change is None:
        return None
    return (points.values[-1] if change < 0 else change) / ((points.times[-1] - points.times[-2]) / 1000)


def deriv(points: Points) -> float | None:
    """The slope of the line through the samples, per second."""
    line = _line(points, points.times[0])
    return None if line is None else line[0]


def predict_linear(points: Points, ahead: float) -> float | None:
    """Where the line through the samples will be, so many seconds from now."""
    line = _line(points, points.at)
    return None if line is None else line[0] * ahead + line[1]


def _line(points: Points, origin: int) -> tuple[float, float] | None:
    """Slope per second, and height at `origin`, of the line with the least squares."""
    count = len(points.values)
    if count < 2:  # noqa: PLR2004 - a line takes two
        return None
    if not points.finite:
        return math.nan, math.nan
    first = points.values[0]
    if all(value == first for value in points.values):
        return 0.0, first
    xs = [(time - origin) / 1000 for time in points.times]
    sum_x, sum_y = total(xs), total(points.values)
    covariance = total(x * y for x, y in zip(xs, points.values, strict=True)) - sum_x * sum_y / count
    slope = divide(covariance, total(x * x for x in xs) - sum_x * sum_x / count)
    return slope, sum_y / count - slope * sum_x / count


def changes(points: Points) -> float:
    """How often the value changed."""
    return float(sum(_differ(before, after) for before, after in pairwise(points.values)))


def _differ(one: float, other: float) -> bool:
    return one != other and not (math.isnan(one) and math.isnan(other))


def resets(points: Points) -> float:
    """How often a counter began anew."""
    values = points.values.tolist()
    return 0.0 if _in_order(values) else float(sum(after < before for before, after in pairwise(values)))


def greatest_of(points: Points) -> float:
    """The greatest value that is a number."""
    return max(points.values) if points.finite else greatest(points.values)


def least_of(points: Points) -> float:
    """The least value that is a number."""
    return min(points.values) if points.finite else least(points.values)


RANGES: Mapping[str, RangeFunction] = {
    "rate": rate,
    "increase": increase,
    "delta": delta,
    "irate": irate,
    "idelta": idelta,
    "deriv": deriv,
    "predict_linear": predict_linear,
    "changes": changes,
    "resets": resets,
    "avg_over_time": lambda points: mean(points.values),
    "min_over_time": least_of,
    "max_over_time": greatest_of,
    "sum_over_time": lambda points: total(points.values),
    "count_over_time": lambda points: float(len(points.values)),
    "last_over_time": lambda points: points.values[-1],
    "present_over_time": lambda _: 1.0,
    "stdvar_over_time": lambda points: variance(points.values),
    "stddev_over_time": lambda points: math.sqrt(variance(points.values)),
    "quantile_over_time": lambda points, phi: quantile(phi, points.values),
}
