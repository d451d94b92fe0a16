"""Medians of hours: of compared signals, for a baseline and for the watch that is compared with it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from alerts.model import Severity
from alerts.watch.model.check import Check
from alerts.watch.model.hour import HourSummary
from alerts.watch.model.tick import Tick

HOUR, _MINUTE = 3600.0, 60.0
# Minutes of an hour in which a signal has to be known. Ticks are up to a minute apart.
MIN_MINUTES = 30
_TRAFFIC = "outbox:attempted_jobs"
_PAGE = f"/{Severity.PAGE}"


@dataclass(slots=True)
class HourValues:
    """The values of one signal within an hour."""

    values: list[float] = field(default_factory=list)
    minutes: set[int] = field(default_factory=set)

    def add(self, at: float, value: float) -> None:
        """Add a value, with its time in Unix seconds."""
        self.values.append(value)
        self.minutes.add(int(at // _MINUTE))

    @property
    def median(self) -> float | None:
        """The median; None when too little of the hour is known."""
        return median(self.values) if len(self.minutes) >= MIN_MINUTES else None


def value_of(check: Check, tick: Tick) -> float | None:
    """The value that counts for the comparison; None where there is none."""
    limit = check.baseline_limit
    if limit is None or check.signal is None or not tick.known(frozenset(check.collectors)):
        return None
    if limit.traffic and tick.values.get(_TRAFFIC, 0.0) < limit.traffic:
        return None
    value = tick.values.get(check.signal, limit.absent)
    return value if value is not None and math.isfinite(value) else None


def summaries(ticks: Iterable[Tick], checks: Sequence[Check]) -> Iterator[tuple[int, HourSummary]]:
    """Each hour of the ticks, with its number: hours since 1970. `checks` are those with a baseline."""
    hour, values, usable = None, dict[str, HourValues](), True
    for tick in ticks:
        number = int(tick.at // HOUR)
        if number != hour:
            if hour is not None:
                yield hour, _summary(values, usable=usable)
            hour, values, usable = number, {}, True
        usable = usable and _is_usable(tick)
        for check in checks:
            value = value_of(check, tick)
            if value is not None:
                values.setdefault(check.name, HourValues()).add(tick.at, value)
    if hour is not None:
        yield hour, _summary(values, usable=usable)


def _summary(values: dict[str, HourValues], *, usable: bool) -> HourSummary:
    medians = {name: each.median for name, each in values.items()}
    return HourSummary({name: value for name, value in medians.items() if value is not None}, usable)


def _is_usable(tick: Tick) -> bool:
    pages = any(rule.endswith(_PAGE) for rule in (*tick.firing, *tick.held))
    return tick.maintenance is False and not pages
