"""Functions of range vectors at many times: the windows overlap, so each sample is read once and not once per window.

The results are those of `alerts.promql.ranges`, whose functions evaluate the windows for which running totals do not
suffice.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from alerts.promql.ranges import RANGES, Points, extrapolated
from alerts.promql.storage import LOOKBACK, Series

# The value of a series at each time; None without one.
Column = list[float | None]
# The indexes of the first sample of a window, and of the first sample after it.
Bounds = tuple[int, int]


def newest_samples(series: Series, times: "array[int]") -> Sequence[int | None]:
    """The index of the sample in force at each time, ascending Unix milliseconds; as `Series.newest`."""
    sampled = series.times
    first = bisect_left(sampled, times[0])
    if sampled[first : first + len(times)] == times:
        return range(first, first + len(times))
    ends, found = series.ends, list[int | None]()
    index, ended = first - 1, -1
    for at in times:
        while index + 1 < len(sampled) and sampled[index + 1] <= at:
            index += 1
        while ended + 1 < len(ends) and ends[ended + 1] <= at:
            ended += 1
        is_used = index >= 0 and sampled[index] > at - LOOKBACK and not (ended >= 0 and ends[ended] > sampled[index])
        found.append(index if is_used else None)
    return found


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of `length` that end `offset` before each of the evaluation times `at`; milliseconds."""

    at: "array[int]"
    ends: "array[int]"
    length: int

    def bounds(self, times: "array[int]") -> list[Bounds]:
        """The samples in each window, of a series with samples at these times."""
        found, first, last, count = list[Bounds](), 0, 0, len(times)
        for end in self.ends:
            while last < count and times[last] <= end:
                last += 1
            while first < last and times[first] <= end - self.length:
                first += 1
            found.append((first, last))
        return found


class RunningTotals:
    """A series with the number of its falls up to each sample, and what a counter lost by them.

    `is_usable`: no value is NaN or infinite, so that differences of totals are right. `is_rising`: it never falls.
    """

    def __init__(self, series: Series) -> None:
        self.series = series
        self.values = series.values.tolist()
        self.is_usable = math.isfinite(sum(self.values))
        self.is_rising = self.is_usable and self.values == sorted(self.values)
        self._falls: Sequence[int] = bytes(len(self.values))
        self._lost: Sequence[float] = self._falls
        if self.is_usable and not self.is_rising:
            self._falls, self._lost = self._sum_falls()

    def _sum_falls(self) -> "tuple[array[int], array[float]]":
        falls, lost = array("q", (0,)), array("d", (0.0,))
        for before, after in pairwise(self.values):
            is_fall = after < before
            falls.append(falls[-1] + is_fall)
            lost.append(lost[-1] + (before if is_fall else 0.0))
        return falls, lost

    def resets(self, first: int, last: int) -> int:
        """The number of falls in a window with samples."""
        return self._falls[last - 1] - self._falls[first]

    def increase(self, first: int, last: int) -> float:
        """The increase of a counter between the first and the last sample of a window."""
        return self.values[last - 1] - self.values[first] + (self._lost[last - 1] - self._lost[first])

    def is_constant(self, first: int, last: int) -> bool:
        """Whether all values in a window are the same."""
        return self.values[first] == self.values[last - 1] and not self.resets(first, last)


def over_windows(
    function: str,
    totals: RunningTotals,
    windows: Windows,
    bounds: Sequence[Bounds],
    parameters: Sequence[Sequence[float]],
) -> Column:
    """A range function of each window of a series; None where it has no result.

    `bounds` are those of the windows in the series; `parameters` have a value per window.
    """
    if totals.is_rising and function in _RISING:
        return _RISING[function](totals.values, bounds)
    running = _RUNNING.get(function) if totals.is_usable else None
    generic, length = RANGES[function], windows.length
    column: Column = []
    for number, (end, (first, last)) in enumerate(zip(windows.ends, bounds, strict=True)):
        if first == last:
            column.append(None)
            continue
        result = running(totals, first, last, end, length) if running else NotImplemented
        if result is NotImplemented:
            points = Points(totals.series, first, last, end - length, end, windows.at[number])
            result = generic(points, *(each[number] for each in parameters))
        column.append(result)
    return column


def _increase(totals: RunningTotals, first: int, last: int, end: int, length: int) -> float | None:
    if last - first < 2:  # noqa: PLR2004 - a change takes two
        return None
    change = totals.increase(first, last)
    if not change:
        return change
    samples = totals.series.times[first], totals.series.times[last - 1], last - first
    return extrapolated(change, samples, end - length, end, totals.values[first])


def _rate(totals: RunningTotals, first: int, last: int, end: int, length: int) -> float | None:
    result = _increase(totals, first, last, end, length)
    return result and result / (length / 1000)


def _max(totals: RunningTotals, first: int, last: int, *_: int) -> float:
    return max(totals.values[first:last]) if totals.resets(first, last) else totals.values[last - 1]


def _min(totals: RunningTotals, first: int, last: int, *_: int) -> float:
    return min(totals.values[first:last]) if totals.resets(first, last) else totals.values[first]


def _deriv(totals: RunningTotals, first: int, last: int, *_: int) -> float:
    return 0.0 if last - first > 1 and totals.is_constant(first, last) else NotImplemented


def _predict_linear(totals: RunningTotals, first: int, last: int, *_: int) -> float:
    return totals.values[first] if last - first > 1 and totals.is_constant(first, last) else NotImplemented


# Functions of the values of a series that never falls, and of all windows.
_RISING: Mapping[str, Callable[[Sequence[float], Sequence[Bounds]], Column]] = {
    "resets": lambda _, bounds: [0.0 if first < last else None for first, last in bounds],
    "max_over_time": lambda values, bounds: [values[last - 1] if first < last else None for first, last in bounds],
    "min_over_time": lambda values, bounds: [values[first] if first < last else None for first, last in bounds],
}

# Functions of the running totals and of a window: bounds, end and length. NotImplemented: it takes all of its samples.
_RUNNING: Mapping[str, Callable[[RunningTotals, int, int, int, int], float | None]] = {
    "rate": _rate,
    "increase": _increase,
    "resets": lambda totals, first, last, *_: float(totals.resets(first, last)),
    "max_over_time": _max,
    "min_over_time": _min,
    "last_over_time": lambda totals, _, last, *__: totals.values[last - 1],
    "deriv": _deriv,
    "predict_linear": _predict_linear,
}
