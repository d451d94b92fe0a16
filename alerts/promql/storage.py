"""What the latest scrapes said, for as long as the expressions look back: a small database of series in memory.

Only metrics that somebody asked for are kept. Times are whole milliseconds, as inside Prometheus, because differences
of Unix seconds would not be exact.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from alerts.model import Labels
from alerts.promql.syntax_tree import NAME, Expression, RangeSelector, VectorSelector, walk

# For how long a sample stands for the present while no newer one comes. Source: Prometheus' query.lookback-delta.
LOOKBACK = 300_000

# Metric, labels without the metric's name, value.
Sample = tuple[str, Labels, float]


def milliseconds(seconds: float) -> int:
    """Seconds as the memory counts them."""
    return round(seconds * 1000)


def required_history(expressions: Iterable[Expression]) -> dict[str, float]:
    """How many seconds of each metric's history these expressions look back on."""
    history: dict[str, int] = {}
    for expression in expressions:
        for metric, back in _reaches(expression):
            history[metric] = max(back, history.get(metric, 0))
    return {metric: back / 1000 for metric, back in history.items()}


def _reaches(expression: Expression) -> Iterator[tuple[str, int]]:
    for node in walk(expression):
        if isinstance(node, VectorSelector):
            yield node.metric, node.offset + LOOKBACK
        elif isinstance(node, RangeSelector):
            yield node.selector.metric, node.selector.offset + max(node.length, LOOKBACK)


def _times() -> "array[int]":
    return array("q")


def _values() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class Series:
    """One series: `named` are its labels with the metric's name, `labels` without.

    `ends` are the times at which it was found to be gone: what was sampled before one is stale after it.
    """

    metric: str
    labels: Labels
    full_labels: Labels = field(init=False)
    times: "array[int]" = field(default_factory=_times)
    values: "array[float]" = field(default_factory=_values)
    ends: "array[int]" = field(default_factory=_times)

    def __post_init__(self) -> None:
        self.full_labels = tuple(sorted((*self.labels, (NAME, self.metric))))

    def newest(self, at: int) -> tuple[int, float] | None:
        """The sample that stands for this moment: time and value; None when there is none or it is stale."""
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

    def repeats_value(self, value: float) -> bool:
        """Whether the latest sample has this value and stands still."""
        times, ends = self.times, self.ends
        return bool(times) and self.values[-1] == value and not (ends and ends[-1] > times[-1])

    def between(self, start: int, end: int) -> "tuple[array[int], array[float]]":
        """Samples after `start` and up to `end`: times and values."""
        first, last = bisect_right(self.times, start), bisect_right(self.times, end)
        return self.times[first:last], self.values[first:last]

    def truncate(self, before: int) -> None:
        """Drop what is older."""
        if self.times and self.times[0] < before:
            old = bisect_left(self.times, before)
            del self.times[:old], self.values[:old]
        if self.ends and self.ends[0] < before:
            del self.ends[: bisect_left(self.ends, before)]

    def shift(self, by: int) -> None:
        """Move everything in time."""
        self.times = array("q", [time + by for time in self.times])
        self.ends = array("q", [time + by for time in self.ends])


class Storage:
    """The series of these metrics, each for so many seconds as `needs` says. Not safe for several threads at once."""

    def __init__(self, history: Mapping[str, float]) -> None:
        self._history = {metric: milliseconds(seconds) for metric, seconds in history.items()}
        self._metrics: dict[str, dict[Labels, Series]] = {metric: {} for metric in self._history}
        self._alive: dict[str, list[Series]] = {}
        self._newest = 0
        self._generation = 0  # a new one whenever there is a series more or less
        self._news = dict.fromkeys(self._metrics, 0)  # how often the metric has said something else than before

    def stores(self, metric: str) -> bool:
        """Whether this metric is kept."""
        return metric in self._metrics

    def append(self, at: float, samples: Iterable[Sample], source: str = "") -> None:
        """Keep one batch: everything that its source has to say at this time, Unix seconds.

        A series that was in the source's last batch and is not in this one is stale from now on. Raises: ValueError
        when time has not moved on since the source's last batch, or a series is there twice.
        """
        now = milliseconds(at)
        before = self._alive.get(source, ())
        for series in before:
            if series.times[-1] >= now:
                raise ValueError(f"time went backwards or stood still at {at}")
        self._alive[source] = [self._keep(now, sample) for sample in samples if sample[0] in self._metrics]
        for series in before:
            if series.times[-1] < now:
                series.ends.append(now)
                self._news[series.metric] += 1
        self._newest = max(self._newest, now)

    def _keep(self, now: int, sample: Sample) -> Series:
        metric, labels, value = sample
        known = self._metrics[metric]
        series = known.get(labels)
        if series is None:
            series = known[labels] = Series(metric, labels)
            self._generation += 1
            self._news[metric] += 1
        else:
            if series.times and series.times[-1] >= now:
                raise ValueError(f"{metric}{dict(labels)} is there twice, or from the future")
            if not series.repeats_value(value):
                self._news[metric] += 1
        series.times.append(now)
        series.values.append(value)
        return series

    def truncate(self) -> None:
        """Drop what nobody looks back on any more. Call once in a while."""
        for metric, known in self._metrics.items():
            oldest = self._newest - self._history[metric]
            for labels, series in list(known.items()):
                series.truncate(oldest)
                if not series.times:
                    del known[labels]
                    self._generation += 1
        self._alive = {source: [s for s in alive if s.times] for source, alive in self._alive.items()}

    def shift(self, seconds: float) -> None:
        """The clock was set: move all that was seen by so much, so that what was a minute ago still is."""
        by = milliseconds(seconds)
        for series in self.series():
            series.shift(by)
        self._newest += by

    def restore(self, series: Series) -> None:
        """Put back one that was kept elsewhere; what nobody asks for is left out."""
        if series.metric in self._metrics and series.times:
            self._metrics[series.metric][series.labels] = series
            self._generation += 1
            self._news[series.metric] += 1
            self._newest = max(self._newest, series.times[-1])

    def selection(self, selector: VectorSelector) -> Callable[[], tuple[Series, ...]]:
        """Tells which series a selector admits, whatever their age; looks again when there is one more or less."""
        generation, selected = -1, tuple[Series, ...]()

        def select() -> tuple[Series, ...]:
            nonlocal generation, selected
            if generation != self._generation:
                known = self._metrics.get(selector.metric, {})
                selected = tuple(series for labels, series in known.items() if selector.matches(labels))
                generation = self._generation
            return selected

        return select

    def news(self, metrics: Iterable[str]) -> Callable[[], int]:
        """Tells how often these metrics have said something else than before, all together.

        As long as whoever appends goes on doing so: silence alone, by which a series ends in time, is no news.
        """
        asked = tuple(metrics)
        return lambda: sum(map(self._news.__getitem__, asked))

    def series(self) -> Iterator[Series]:
        """All of them."""
        return (series for known in self._metrics.values() for series in known.values())
