"""The samples of several successive scrapes of one exporter, series by series."""

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerts.model import Labels
from alerts.promql.storage import Series

# A metric, and labels without the metric's name.
SeriesName = tuple[str, Labels]


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Samples of scrapes at `times`, ascending Unix milliseconds.

    Shape: `columns` has for each series one value per time; NaN: the series was missing from that scrape.
    """

    times: "array[int]"
    columns: Mapping[SeriesName, "array[float]"]


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
