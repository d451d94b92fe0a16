"""An in-memory storage of the samples of the latest scrapes, for as long as the expressions look back.

Only metrics that an expression selects are stored, and each series for as long as an expression that selects it looks
back. Windows of days would need much memory: `increase`, `rate` and `resets` read every sample of the last hours, and
before that one in some minutes. Times are whole milliseconds, as inside Prometheus, because differences of Unix seconds
would not be exact.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from alerts.model import Labels
from alerts.promql.syntax_tree import NAME, Expression, FunctionCall, RangeSelector, VectorSelector, walk

# How long a sample is used while no newer one arrives, milliseconds. Source: Prometheus' --query.lookback-delta.
LOOKBACK = 300_000
# How long every sample of a counter is kept, and the greatest distance of older ones, milliseconds. The distance is
# shorter than the lookback, so that every time has a sample in force.
DENSE = 6 * 3_600_000
SPARSE = 240_000
# Before every sample, Unix milliseconds.
_NEVER = -(2**60)
# The functions whose results do not depend on samples between two others, unless the counter was reset there.
_COUNTER_FUNCTIONS = frozenset({"increase", "rate", "resets"})

# Metric, labels without the metric's name, value.
Sample = tuple[str, Labels, float]


def milliseconds(seconds: float) -> int:
    """Seconds as whole milliseconds."""
    return round(seconds * 1000)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back an expression needs the series of a selector: every sample of `dense`, some of `length`.

    Units: milliseconds.
    """

    selector: VectorSelector
    dense: int
    length: int


def required_history(expressions: Iterable[Expression]) -> dict[str, float]:
    """The history that these expressions need of each metric, in seconds by metric name."""
    history: dict[str, int] = {}
    for reach in _reaches(expressions):
        metric = reach.selector.metric
        history[metric] = max(reach.length, history.get(metric, 0))
    return {metric: length / 1000 for metric, length in history.items()}


def _reaches(expressions: Iterable[Expression]) -> Iterator[Reach]:
    for node in (node for expression in expressions for node in walk(expression)):
        if isinstance(node, VectorSelector):
            yield Reach(node, node.offset + LOOKBACK, node.offset + LOOKBACK)
        elif isinstance(node, FunctionCall):
            windows = (argument for argument in node.arguments if isinstance(argument, RangeSelector))
            yield from (_reach_of_window(node.function, window) for window in windows)


def _reach_of_window(function: str, window: RangeSelector) -> Reach:
    length = window.selector.offset + max(window.length, LOOKBACK)
    dense = min(length, DENSE) if function in _COUNTER_FUNCTIONS else length
    return Reach(window.selector, dense, length)


@dataclass(slots=True)
class Series:
    """One series: `labels` exclude the metric's name, `full_labels` include it. Units: times in Unix milliseconds.

    `ends` are the times of stale markers: samples before a stale marker are not used after it. The storage keeps every
    sample of the last `dense` milliseconds and some of the last `retention`; the first `sparse` samples are those.
    """

    metric: str
    labels: Labels
    full_labels: Labels = field(init=False)
    dense: int = 0
    retention: int = 0
    sparse: int = 0
    times: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    ends: "array[int]" = field(default_factory=lambda: array("q"))
    # The times of the samples that are not at least as great as the one before, up to the last that was compared.
    _breaks: "array[int]" = field(default_factory=lambda: array("q"), init=False, repr=False, compare=False)
    _compared: int = field(default=_NEVER, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.full_labels = tuple(sorted((*self.labels, (NAME, self.metric))))

    def newest(self, at: int) -> tuple[int, float] | None:
        """The time and value of the sample in force at `at`, Unix milliseconds; None when none is, or it is stale."""
        times = self.times
        index = bisect_right(times, at) - 1
        if index < 0:
            return None
        time = times[index]
        if time <= at - LOOKBACK:
            return None
        if self.ends:
            ended = bisect_right(self.ends, at) - 1
            if ended >= 0 and self.ends[ended] > time:
                return None
        return time, self.values[index]

    def between(self, start: int, end: int) -> tuple[int, int]:
        """The samples after `start` and up to `end`, Unix milliseconds: the indexes of the first and after the last."""
        return bisect_right(self.times, start), bisect_right(self.times, end)

    def breaks(self, first: int, last: int) -> list[int]:
        """The indexes of samples in a window that are not at least as great as the one before in it: falls, and NaN.

        Without any, the first one is the least and the last one the greatest. Each sample is compared once, not once
        for each window that it is in.
        """
        times = self.times
        if times[-1] != self._compared:
            self._compare()
        if not self._breaks or self._breaks[-1] <= times[first]:
            return []
        found = bisect_right(self._breaks, times[first]), bisect_right(self._breaks, times[last - 1])
        return [bisect_left(times, time) for time in self._breaks[slice(*found)]]

    def _compare(self) -> None:
        times, values = self.times, self.values
        for index in range(max(1, bisect_right(times, self._compared)), len(times)):
            if not values[index] >= values[index - 1]:
                self._breaks.append(times[index])
        self._compared = times[-1]

    def truncate(self, before: int) -> None:
        """Drop samples and stale markers before `before`."""
        if self.times and self.times[0] < before:
            old = bisect_left(self.times, before)
            del self.times[:old], self.values[:old]
            self.sparse = max(0, self.sparse - old)
        for each in (self.ends, self._breaks):
            if each and each[0] < before:
                del each[: bisect_left(each, before)]

    def thin(self, before: int) -> None:
        """Keep one sample in `SPARSE` milliseconds before `before`, and the samples before and after a break."""
        times, values = self.times, self.values
        first, end = self.sparse, min(bisect_left(times, before), len(times) - 1)
        if first >= end:
            return
        kept: list[int] = []
        last = times[first - 1] if first else times[0] - SPARSE
        for index in range(first, end):
            is_break = index > 0 and not values[index] >= values[index - 1]
            if is_break or not values[index + 1] >= values[index] or times[index + 1] - last > SPARSE:
                kept.append(index)
                last = times[index]
        times[first:end], values[first:end] = (
            array("q", [times[index] for index in kept]),
            array("d", [values[index] for index in kept]),
        )
        self.sparse = first + len(kept)

    def shift(self, by: int) -> None:
        """Add `by` milliseconds to all times."""
        self.times = array("q", [time + by for time in self.times])
        self.ends = array("q", [time + by for time in self.ends])
        self._breaks = array("q", [time + by for time in self._breaks])
        self._compared += by


class Storage:
    """Series by metric. `history` is the retention of each metric, seconds; other metrics are not stored.

    Not safe for several threads at once.
    """

    def __init__(self, history: Mapping[str, float]) -> None:
        self._reaches: dict[str, list[Reach]] = {}
        self._metrics: dict[str, dict[Labels, Series]] = {}
        lengths = {metric: milliseconds(seconds) for metric, seconds in history.items()}
        self._require(Reach(VectorSelector(metric), length, length) for metric, length in lengths.items())
        self._alive: dict[str, list[Series]] = {}
        self._newest = 0
        self._generation = 0  # counts added and removed series

    @classmethod
    def for_expressions(cls, expressions: Iterable[Expression]) -> Self:
        """A storage with the history that these expressions need of each series."""
        storage = cls({})
        storage._require(_reaches(expressions))
        return storage

    def _require(self, reaches: Iterable[Reach]) -> None:
        for reach in dict.fromkeys(reaches):
            self._reaches.setdefault(reach.selector.metric, []).append(reach)
            self._metrics.setdefault(reach.selector.metric, {})

    def stores(self, metric: str) -> bool:
        """Whether samples of this metric are stored."""
        return metric in self._metrics

    def append(self, at: float, samples: Iterable[Sample], source: str = "") -> None:
        """Store all samples of one source at `at`, Unix seconds.

        A series of the source's previous samples that is missing now becomes stale. Raises: ValueError when `at` is not
        later than the source's previous samples, or a series occurs twice.
        """
        now = milliseconds(at)
        before = self._alive.get(source)
        if before and before[0].times[-1] >= now:  # they were stored together
            raise ValueError(f"samples at {at} are not later than the previous ones")
        alive: list[Series] = []
        for metric, labels, value in samples:
            known = self._metrics.get(metric)
            if known is None:
                continue
            series = known.get(labels) or self._add(Series(metric, labels))
            if series.times and series.times[-1] >= now:
                raise ValueError(f"{metric}{dict(labels)} occurs twice or has a later sample")
            series.times.append(now)
            series.values.append(value)
            alive.append(series)
        self._alive[source] = alive
        for series in before or ():
            if series.times[-1] < now:
                series.ends.append(now)
        self._newest = max(self._newest, now)

    def open(self, metric: str, labels: Labels) -> Series:
        """The series, without samples if it is new. For callers that append samples themselves."""
        return self._metrics[metric].get(labels) or self._add(Series(metric, labels))

    def advance(self, now: int) -> None:
        """The time of the newest samples that were appended to opened series, Unix milliseconds."""
        self._newest = max(self._newest, now)

    def _add(self, series: Series) -> Series:
        matching = [each for each in self._reaches[series.metric] if each.selector.matches(series.labels)]
        series.dense = max((each.dense for each in matching), default=0)
        series.retention = max((each.length for each in matching), default=0)
        self._metrics[series.metric][series.labels] = series
        self._generation += 1
        return series

    def truncate(self) -> None:
        """Drop samples that no expression needs, and series without samples. Call it periodically."""
        for known in self._metrics.values():
            for labels, series in list(known.items()):
                series.truncate(self._newest - series.retention)
                if series.retention > series.dense:
                    series.thin(self._newest - series.dense)
                if not series.times:
                    del known[labels]
                    self._generation += 1
        self._alive = {source: [s for s in alive if s.times] for source, alive in self._alive.items()}

    def shift(self, seconds: float) -> None:
        """Add `seconds` to all times, after a step of the wall clock: ages of samples stay the same."""
        by = milliseconds(seconds)
        for series in self.series():
            series.shift(by)
        self._newest += by

    def restore(self, series: Series) -> None:
        """Add a series that was saved earlier; one whose metric is not stored is ignored."""
        if series.metric in self._metrics and series.times:
            self._add(series)
            self._newest = max(self._newest, series.times[-1])

    def selection(self, selector: VectorSelector) -> Callable[[], tuple[Series, ...]]:
        """A function that returns all series that match. It filters again when series were added or removed."""
        generation, selected = -1, tuple[Series, ...]()

        def select() -> tuple[Series, ...]:
            nonlocal generation, selected
            if generation != self._generation:
                known = self._metrics.get(selector.metric, {})
                selected = tuple(series for labels, series in known.items() if selector.matches(labels))
                generation = self._generation
            return selected

        return select

    def series(self) -> Iterator[Series]:
        """All series."""
        return (series for known in self._metrics.values() for series in known.values())
