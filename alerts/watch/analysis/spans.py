"""Stretches of time read off the ticks: alerts that fired, maintenance that was declared."""

from dataclasses import dataclass

from alerts.watch.model import AlertSpan, MaintenanceSpan, Span, Tick


@dataclass(slots=True)
class _OpenSpan:
    """Something that was there from one tick on, and still at another."""

    first: Tick
    last: Tick
    text: str = ""

    def span(self) -> Span:
        return Span(self.first.at, self.last.at, self.first.elapsed, self.last.elapsed - self.first.elapsed)


class AlertTracker:
    """The alerts that fired, by rule. One that is held still fires; while nobody looks, it goes on."""

    def __init__(self) -> None:
        self._open: dict[str, _OpenSpan] = {}
        self._closed: list[AlertSpan] = []

    def add(self, tick: Tick) -> None:
        """One tick, in the order of time."""
        firing = {*tick.firing, *tick.held}
        for rule in [rule for rule in self._open if rule not in firing]:
            stretch = self._open.pop(rule)
            stretch.last = tick
            self._closed.append(AlertSpan(rule, stretch.span()))
        for rule in sorted(firing):
            self._open.setdefault(rule, _OpenSpan(tick, tick)).last = tick

    def spans(self) -> tuple[AlertSpan, ...]:
        """All of them, by when they began."""
        still = [AlertSpan(rule, stretch.span(), open=True) for rule, stretch in self._open.items()]
        return tuple(sorted([*self._closed, *still], key=lambda each: (each.span.started, each.rule)))


class MaintenanceTracker:
    """The maintenance that was declared while somebody looked."""

    def __init__(self) -> None:
        self._open: _OpenSpan | None = None
        self._closed: list[MaintenanceSpan] = []

    def add(self, tick: Tick) -> None:
        """One tick, in the order of time."""
        if tick.maintenance:
            self._open = self._open or _OpenSpan(tick, tick)
            self._open.last, self._open.text = tick, tick.maintenance_reason
        elif self._open:
            self._open.last = tick
            self._closed.append(MaintenanceSpan(self._open.span(), self._open.text))
            self._open = None

    def spans(self) -> tuple[MaintenanceSpan, ...]:
        """All of it, by when it began."""
        still = [MaintenanceSpan(self._open.span(), self._open.text)] if self._open else []
        return (*self._closed, *still)
