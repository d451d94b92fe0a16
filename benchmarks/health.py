"""How our exporter's collectors fare over time, told from its own metrics. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.scrape import Sample

_PREFIX = "outbox_collector_"


@dataclass(frozen=True, slots=True)
class Health:
    """One collector over a stretch of watching; durations in seconds.

    Attributes:
        runs: finished; failures: among them.
        spent: duration of all runs together; longest: of any of them.
        interval: the longest there was between two runs, as planned.
        oldest: the greatest age that its latest success ever had, counted from the beginning before the first.
    """

    collector: str
    runs: int = 0
    failures: int = 0
    spent: float = 0.0
    longest: float = 0.0
    interval: float = 0.0
    oldest: float = 0.0

    def share(self, seconds: float) -> float:
        """The part of `seconds` that its runs took."""
        return self.spent / seconds


class Chronicle:
    """Follows collectors from scrape to scrape, which should come more often than any collector runs."""

    def __init__(self, began: float) -> None:
        """Begins at `began`, Unix seconds."""
        self._began = began
        self._health: dict[str, Health] = {}

    def note(self, samples: Iterable[Sample], now: float) -> None:
        """Takes in one scrape, made at `now`, Unix seconds."""
        by_collector: dict[str, dict[str, float]] = {}
        for sample in samples:
            if sample.name.startswith(_PREFIX) and "collector" in sample.labels:
                figures = by_collector.setdefault(sample.labels["collector"], {})
                name = sample.name.removeprefix(_PREFIX)
                figures[name] = figures.get(name, 0.0) + sample.value  # failures come by reason
        for collector, figures in by_collector.items():
            before = self._health.get(collector, Health(collector))
            self._health[collector] = self._after(before, figures, now)

    def health(self) -> tuple[Health, ...]:
        """Every collector, by name."""
        return tuple(self._health[name] for name in sorted(self._health))

    def _after(self, before: Health, figures: dict[str, float], now: float) -> Health:
        runs = int(figures.get("runs_total", 0))
        duration = figures.get("duration_seconds", 0.0)
        return Health(
            collector=before.collector,
            runs=runs,
            failures=int(figures.get("failures_total", 0)),
            spent=before.spent + duration * (runs - before.runs),
            longest=max(before.longest, duration),
            interval=max(before.interval, figures.get("interval_seconds", 0.0)),
            oldest=max(before.oldest, now - figures.get("last_success_timestamp_seconds", self._began)),
        )
