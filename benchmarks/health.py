"""The runs of our exporter's collectors over time, from its own metrics."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.scrape import ScrapedSample

_PREFIX = "outbox_collector_"


@dataclass(frozen=True, slots=True)
class CollectorHealth:
    """One collector during a measurement; all durations in seconds.

    Attributes:
        runs: finished runs; failures: how many of them failed.
        spent: total duration of the runs; longest: duration of the longest one.
        interval: the longest planned interval.
        oldest: the greatest age of the last success; before the first success, since the start.
    """

    collector: str
    runs: int = 0
    failures: int = 0
    spent: float = 0.0
    longest: float = 0.0
    interval: float = 0.0
    oldest: float = 0.0

    def share(self, seconds: float) -> float:
        """The ratio of `seconds` that its runs took."""
        return self.spent / seconds


class CollectorHistory:
    """Collects the results of scrapes, which must be more frequent than the runs of any collector."""

    def __init__(self, began: float) -> None:
        """Starts at `began`, Unix seconds."""
        self._began = began
        self._health: dict[str, CollectorHealth] = {}

    def add(self, samples: Iterable[ScrapedSample], now: float) -> None:
        """Adds one scrape of the time `now`, Unix seconds."""
        by_collector: dict[str, dict[str, float]] = {}
        for sample in samples:
            if sample.name.startswith(_PREFIX) and "collector" in sample.labels:
                figures = by_collector.setdefault(sample.labels["collector"], {})
                name = sample.name.removeprefix(_PREFIX)
                figures[name] = figures.get(name, 0.0) + sample.value  # failures have one sample per reason
        for collector, figures in by_collector.items():
            before = self._health.get(collector, CollectorHealth(collector))
            self._health[collector] = self._after(before, figures, now)

    def health(self) -> tuple[CollectorHealth, ...]:
        """All collectors, by name."""
        return tuple(self._health[name] for name in sorted(self._health))

    def _after(self, before: CollectorHealth, figures: dict[str, float], now: float) -> CollectorHealth:
        runs = int(figures.get("runs_total", 0))
        duration = figures.get("duration_seconds", 0.0)
        return CollectorHealth(
            collector=before.collector,
            runs=runs,
            failures=int(figures.get("failures_total", 0)),
            spent=before.spent + duration * (runs - before.runs),
            longest=max(before.longest, duration),
            interval=max(before.interval, figures.get("interval_seconds", 0.0)),
            oldest=max(before.oldest, now - figures.get("last_success_timestamp_seconds", self._began)),
        )
