"""Functions of range vectors, as in Prometheus 3.

Prometheus 2 differs in two cases: its windows include a sample exactly at their start; and before 2.51 it extrapolated
a counter that began inside the window differently.
"""

import math
from array import array
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

from alerts.promql.storage import Series
from alerts.promql.vectors import divide, greatest, least, mean, quantile, total, variance

# Up to this many average sample intervals from the window's edge, the series is taken to continue to the edge.
# Source: Prometheus, extrapolatedRate.
_EXTRAPOLATION_THRESHOLD = 1.1


class Points(NamedTuple):
    """The samples of one series after `start` and up to `end`, at least one; `at` is the time of the evaluation.

    They are those of the series from the index `first` on and before `last`. Units: milliseconds.
    """

    series: Series
    first: int
    last: int
    start: int
    end: int
    at: int

    @property
    def times(self) -> "array[int]":
        """The times of all samples."""
        return self.series.times[self.first : self.last]

    @property
    def values(self) -> "array[float]":
        """The values of all samples."""
        return self.series.values[self.first : self.last]

    @property
    def oldest(self) -> float:
        """The value of the first sample."""
        return self.series.values[self.first]

    @property
    def newest(self) -> float:
        """The value of the last sample."""
        return self.series.values[self.last - 1]

    @property
    def breaks(self) -> list[int]:
        """The indexes, in the series, of samples that are not at least as great as the one before."""
        return self.series.breaks(self.first, self.last)

    @property
    def falls(self) -> list[float]:
        """The values that a counter had before each of its resets."""
        values = self.series.values
        return [values[index - 1] for index in self.breaks if values[index] < values[index - 1]]


# Functions of the points and of scalar parameters; None when there are too few points.
RangeFunction = Callable[..., float | None]


def increase(points: Points) -> float | None:
    """The increase of a counter within the window, corrected for resets and extrapolated to the window's edges."""
    return _extrapolated(points, points.newest - points.oldest + sum(points.falls), counter=True)


def rate(points: Points) -> float | None:
    """`increase` per second."""
    result = increase(points)
    return None if result is None else result / ((points.end - points.start) / 1000)


def delta(points: Points) -> float | None:
    """The change of a gauge within the window, extrapolated to the window's edges."""
    return _extrapolated(points, points.newest - points.oldest, counter=False)


def _extrapolated(points: Points, change: float, *, counter: bool) -> float | None:
    """The change extrapolated to the whole window; None with fewer than two samples."""
    count, times = points.last - points.first, points.series.times
    if count < 2:  # noqa: PLR2004 - a change takes two
        return None
    samples = times[points.first], times[points.last - 1], count
    return extrapolated(change, samples, points.start, points.end, points.oldest if counter else None)


def extrapolated(change: float, samples: tuple[int, int, int], start: int, end: int, counter: float | None) -> float:
    """The change within a window from `start` to `end`, extrapolated to the whole window.

    `samples` are the times of the first and the last sample and their number, at least two. Times are milliseconds. A
    series whose first or last sample is far from the window's edge is extrapolated by half a sample interval. A
    counter, whose value in the first sample is `counter`, is not extrapolated below zero.
    """
    first, last, count = samples
    sampled = (last - first) / 1000
    interval = sampled / (count - 1)
    to_start = (first - start) / 1000
    to_end = (end - last) / 1000
    if to_start >= interval * _EXTRAPOLATION_THRESHOLD:
        to_start = interval / 2
    if to_end >= interval * _EXTRAPOLATION_THRESHOLD:
        to_end = interval / 2
    if counter is not None and change > 0 and counter >= 0:
        to_start = min(to_start, sampled * (counter / change))
    return change * ((sampled + to_start + to_end) / sampled)


def idelta(points: Points) -> float | None:
    """The change between the last two samples."""
    values = points.values
    return None if len(values) < 2 else values[-1] - values[-2]  # noqa: PLR2004 - see above


def irate(points: Points) -> float | None:
    """The increase of a counter between the last two samples, per second."""
    change = idelta(points)
    if change is None:
        return None
    *_, before, last = points.times
    return (points.newest if change < 0 else change) / ((last - before) / 1000)


def deriv(points: Points) -> float | None:
    """The slope of the regression line, per second."""
    line = _line(points, points.times[0])
    return None if line is None else line[0]


def predict_linear(points: Points, seconds: float) -> float | None:
    """The value of the regression line `seconds` after the evaluation time."""
    line = _line(points, points.at)
    return None if line is None else line[0] * seconds + line[1]


def _line(points: Points, origin: int) -> tuple[float, float] | None:
    """Slope per second, and value at `origin`, of the regression line by least squares."""
    values = points.values
    count, first = len(values), values[0]
    if count < 2:  # noqa: PLR2004 - a line takes two
        return None
    if not _are_finite(values):
        return math.nan, math.nan
    if all(value == first for value in values):
        return 0.0, first
    xs = [(time - origin) / 1000 for time in points.times]
    sum_x, sum_y = total(xs), total(values)
    covariance = total(x * y for x, y in zip(xs, values, strict=True)) - sum_x * sum_y / count
    slope = divide(covariance, total(x * x for x in xs) - sum_x * sum_x / count)
    return slope, sum_y / count - slope * sum_x / count


def changes(points: Points) -> float:
    """The number of changes of the value."""
    return float(sum(_differ(before, after) for before, after in pairwise(points.values)))


def _differ(one: float, other: float) -> bool:
    return one != other and not (math.isnan(one) and math.isnan(other))


def resets(points: Points) -> float:
    """The number of resets of a counter."""
    return float(len(points.falls))


def greatest_of(points: Points) -> float:
    """The greatest value that is not NaN."""
    if not points.breaks:
        return points.newest
    values = points.values
    return max(values) if _are_finite(values) else greatest(values)


def least_of(points: Points) -> float:
    """The least value that is not NaN."""
    if not points.breaks:
        return points.oldest
    values = points.values
    return min(values) if _are_finite(values) else least(values)


def _are_finite(values: "array[float]") -> bool:
    return math.isfinite(sum(values)) or all(map(math.isfinite, values))


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
    "count_over_time": lambda points: float(points.last - points.first),
    "last_over_time": lambda points: points.newest,
    "present_over_time": lambda _: 1.0,
    "stdvar_over_time": lambda points: variance(points.values),
    "stddev_over_time": lambda points: math.sqrt(variance(points.values)),
    "quantile_over_time": lambda points, phi: quantile(phi, points.values),
}
