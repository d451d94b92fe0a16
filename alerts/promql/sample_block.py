"""The samples of several successive scrapes of one exporter, series by series."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable

from alerts.model import SampleBlock
from alerts.promql.storage import Series


def block_of(series: Iterable[Series], after: int) -> SampleBlock | None:
    """The samples of these series later than `after`, Unix milliseconds; None without any."""
    later = {(each.metric, each.labels): _later(each, after) for each in series}
    times = array("q", sorted({time for sampled, _ in later.values() for time in sampled}))
    if not times:
        return None
    return SampleBlock(times, {name: _column(times, *each) for name, each in later.items() if each[0]})


def _later(series: Series, after: int) -> "tuple[array[int], array[float]]":
    first = bisect_right(series.times, after)
    return series.times[first:], series.values[first:]


def _column(times: "array[int]", sampled: "array[int]", values: "array[float]") -> "array[float]":
    if len(sampled) == len(times):
        return values
    found = dict(zip(sampled, values, strict=True))
    return array("d", [found.get(time, math.nan) for time in times])
