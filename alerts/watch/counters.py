"""What counters have grown by, and when they began anew."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from alerts.watch.model import Restart, Tick
from alerts.watch.sources import SERIES

# The exporter's own begin with each of its runs and with each reload; the application's when it restarts.
OURS = tuple(name for name in SERIES if "_total" in name and not name.startswith("outbox_app_"))
THEIRS = tuple(name for name in SERIES if "_total" in name and name.startswith("outbox_app_"))


@dataclass(slots=True)
class Growth:
    """The growth of every counter from the first look on.

    What a counter of the exporter's counted since it began belongs to the watch; only what came while no exporter
    ran is in none of them.
    """

    grown: dict[str, float] = field(default_factory=dict)
    restarts: list[Restart] = field(default_factory=list)
    _last: dict[str, tuple[int, float]] = field(default_factory=dict)

    def hear(self, tick: Tick) -> None:
        """One tick, in the order of time."""
        began_anew = next(self._began_anew(tick), None)
        if began_anew:
            self.restarts.append(Restart(tick.at, tick.elapsed, began_anew, explained=tick.maintenance is True))
        for name in (*OURS, *THEIRS):
            if name in tick.values:
                self._count(name, tick)

    def _began_anew(self, tick: Tick) -> Iterator[str]:
        for name in THEIRS:
            if name in tick.values and name in self._last and tick.values[name] < self._last[name][1]:
                yield name

    def _count(self, name: str, tick: Tick) -> None:
        value = tick.values[name]
        if name in self._last:
            run, last = self._last[name]
            anew = value < last or (name in OURS and run != tick.run)
            self.grown[name] = self.grown.get(name, 0.0) + (value if anew else value - last)
        self._last[name] = (tick.run, value)
        self.grown.setdefault(name, 0.0)
