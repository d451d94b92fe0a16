"""Increases and resets of counters during a watch."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from alerts.watch.checks.series import BUCKETS, SERIES, age_of
from alerts.watch.model.result import Restart
from alerts.watch.model.tick import Tick, TimeSpan

# The exporter's counters are reset when it starts or reloads its configuration, the application's when that restarts.
EXPORTER_COUNTERS = (
    *(name for name in SERIES if "_total" in name and not name.startswith("outbox_app_")),
    *BUCKETS,
)
APPLICATION_COUNTERS = tuple(name for name in SERIES if "_total" in name and name.startswith("outbox_app_"))


@dataclass(frozen=True, slots=True)
class CounterSample:
    """A counter's value and when it was sampled: `at` Unix seconds, `elapsed` negative before the watch began."""

    run: int
    value: float
    at: float
    elapsed: float


def sample_of(name: str, tick: Tick) -> CounterSample:
    """The sample behind a counter of the tick. Raises: KeyError when the tick does not have it."""
    age = tick.values.get(age_of(name), 0.0)
    return CounterSample(tick.run, tick.values[name], tick.at - age, tick.elapsed - age)


@dataclass(slots=True)
class CounterIncreases:
    """The increase of every counter, from its first sample within the watch to its last.

    After a reset, the exporter's new value belongs to the watch. Increases while no exporter ran are lost. `resets` are
    counted by counter.
    """

    grown: dict[str, float] = field(default_factory=dict)
    resets: Counter[str] = field(default_factory=Counter)
    restarts: list[Restart] = field(default_factory=list)
    _first: dict[str, CounterSample] = field(default_factory=dict)
    _last: dict[str, CounterSample] = field(default_factory=dict)

    def add(self, tick: Tick) -> None:
        """Add one tick, in the order of time."""
        reset = next(self._resets(tick), None)
        if reset:
            self.restarts.append(Restart(tick.at, tick.elapsed, reset, explained=tick.maintenance is True))
        for name in (*EXPORTER_COUNTERS, *APPLICATION_COUNTERS):
            if name in tick.values:
                self._count(name, sample_of(name, tick))

    def span(self, name: str) -> TimeSpan | None:
        """From the first to the last sample of a counter; None without any."""
        first, last = self._first.get(name), self._last.get(name)
        return None if first is None or last is None else between(first, last)

    def until(self, name: str) -> float:
        """Elapsed seconds of a counter's last sample. Raises: KeyError without any."""
        return self._last[name].elapsed

    def _resets(self, tick: Tick) -> Iterator[str]:
        for name in APPLICATION_COUNTERS:
            if name in tick.values and name in self._last and tick.values[name] < self._last[name].value:
                yield name

    def _count(self, name: str, sample: CounterSample) -> None:
        last = self._last.get(name)
        reset = last is not None and (
            sample.value < last.value or (name in EXPORTER_COUNTERS and sample.run != last.run)
        )
        if last is None or (last.elapsed < 0 and not reset):
            # The increase since a sample before the watch may have been before the watch, too.
            self._first[name] = sample
            self.grown[name] = 0.0
        else:
            self.grown[name] += sample.value if reset else sample.value - last.value
        self.resets[name] += reset
        self._last[name] = sample


def between(first: CounterSample, last: CounterSample) -> TimeSpan:
    """From one sample to a later one."""
    return TimeSpan(first.at, last.at, first.elapsed, last.elapsed - first.elapsed)
