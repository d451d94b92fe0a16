"""Time spans during which alerts fired or maintenance was declared."""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.watch.model.tick import Tick, TimeSpan


@dataclass(frozen=True, slots=True)
class TrackedSpan:
    """A span of one key. `open`: the key was still present at the last tick."""

    key: str
    text: str
    span: TimeSpan
    open: bool


class SpanTracker:
    """Tracks keys that are present at some ticks: from the first tick with a key to the first without it."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Tick, Tick, str]] = {}
        self._closed: list[TrackedSpan] = []

    def add(self, tick: Tick, present: Mapping[str, str]) -> None:
        """Add one tick, in the order of time. Shape: `present` has a text for each key; the last one is kept."""
        for key in [key for key in self._open if key not in present]:
            first, _, text = self._open.pop(key)
            self._closed.append(TrackedSpan(key, text, TimeSpan.between(first, tick), open=False))
        for key, text in present.items():
            self._open[key] = (self._open[key][0] if key in self._open else tick, tick, text)

    def spans(self) -> list[TrackedSpan]:
        """All spans, by their begin."""
        still = [
            TrackedSpan(key, text, TimeSpan.between(first, last), open=True)
            for key, (first, last, text) in self._open.items()
        ]
        return sorted([*self._closed, *still], key=lambda each: (each.span.started, each.key))
