"""A day beside another: not whether a threshold was crossed, but whether things have changed, which way and how much.

Values of one hour depend on each other, so each hour counts once, by its median, and only hours of the day that both
days have. The tests are those that need no bell curve: Mann and Whitney's for whether it may be chance, Cliff's delta
for how far the days lie apart, Hodges' and Lehmann's median of all differences for by how much. None of it decides a
verdict: no two days are alike.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist, median

from alerts.watch.model import DayComparison, Direction, EffectSize, SignalComparison, Tick
from exporter.core.humanize import format_value

_DAY, _HOUR = 86400.0, 3600.0
# A shorter watch, as in a rehearsal, has as many parts as a day has hours.
_PARTS = 24
# Fewer hours prove nothing: with four and four, not even the most extreme order is rarer than one in thirty-five.
_FEWEST = 5
# Beyond it, chance is no good explanation.
_CHANCE = 0.05
# Romano et al. 2006, "Appropriate statistics for ordinal level data": below .147 negligible, .33 small, .474 medium.
_EFFECTS = ((0.147, EffectSize.NEGLIGIBLE), (0.33, EffectSize.SMALL), (0.474, EffectSize.MEDIUM))

Hours = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True, slots=True)
class _Compared:
    """A signal of which more is worse."""

    signal: str
    title: str
    unit: str


COMPARED = (
    _Compared("outbox:backlog_jobs", "Backlog", "jobs"),
    _Compared("outbox:oldest_open_age_seconds", "Age of the oldest open job", "seconds"),
    _Compared('outbox_last_hour_processing_time_avg_seconds{cohort="created"}', "Average processing time", "seconds"),
    _Compared("outbox:processing_time_p95_seconds", "Processing time of the slowest twentieth", "seconds"),
    _Compared("outbox:failure_ratio", "Share of failing jobs", "ratio"),
    _Compared("outbox:fsm_failure_ratio:1h", "Failure rate of initialisations", "ratio"),
    _Compared("outbox:fallback_activations:increase5m", "Fallback activations in five minutes", "activations"),
)


def hours(ticks: Iterable[Tick], duration: float) -> Hours:
    """The median of each compared signal in each hour of the day, or in each part of a shorter watch."""
    found: dict[str, dict[int, list[float]]] = {each.signal: {} for each in COMPARED}
    for tick in ticks:
        part = int(tick.at % _DAY // _HOUR) if duration >= _DAY else int(tick.elapsed // (duration / _PARTS))
        for signal, parts in found.items():
            value = tick.values.get(signal)
            if value is not None and math.isfinite(value):
                parts.setdefault(part, []).append(value)
    return {signal: {part: median(each) for part, each in parts.items()} for signal, parts in found.items()}


def compare(now: Hours, before: Hours, against: str) -> DayComparison:
    """What has changed; signals of which too little is known on either side are left out."""
    signals = []
    for each in COMPARED:
        here, there = now[each.signal], before[each.signal]
        same = sorted(here.keys() & there.keys())
        if len(same) >= _FEWEST:
            signals.append(_compared(each, [here[part] for part in same], [there[part] for part in same]))
    return DayComparison(against, tuple(signals))


def _compared(signal: _Compared, now: Sequence[float], before: Sequence[float]) -> SignalComparison:
    delta, p = cliffs_delta(now, before), mann_whitney(now, before)
    effect = next((effect for below, effect in _EFFECTS if abs(delta) < below), EffectSize.LARGE)
    changed = effect is not EffectSize.NEGLIGIBLE and p < _CHANCE
    direction = Direction.SAME if not changed else Direction.WORSE if delta > 0 else Direction.BETTER
    shift = median(one - other for one, other in product(now, before))
    return SignalComparison(
        signal=signal.signal,
        title=signal.title,
        unit=signal.unit,
        hours=len(now),
        hours_before=len(before),
        median=median(now),
        median_before=median(before),
        shift=shift,
        delta=delta,
        p=p,
        effect=effect,
        direction=direction,
        sentence=_sentence(signal, direction, effect, (median(now), median(before))),
    )


def cliffs_delta(now: Sequence[float], before: Sequence[float]) -> float:
    """How much more often a value of now is above one of before than below: -1 to 1."""
    signs = sum((one > other) - (one < other) for one, other in product(now, before))
    return signs / (len(now) * len(before))


def mann_whitney(now: Sequence[float], before: Sequence[float]) -> float:
    """How probable so great a difference is by chance, two-sided: by the normal approximation, corrected for ties."""
    total = len(now) + len(before)
    ranked = _ranks([*now, *before])
    u = sum(ranked[: len(now)]) - len(now) * (len(now) + 1) / 2
    ties = sum(count**3 - count for count in _counts([*now, *before]))
    variance = len(now) * len(before) / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    distance = max(abs(u - len(now) * len(before) / 2) - 0.5, 0.0)
    return 2 * (1 - NormalDist().cdf(distance / math.sqrt(variance)))


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1 on; equal ones share the mean of theirs."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values), start=1):
        places.setdefault(value, []).append(place)
    return [sum(places[value]) / len(places[value]) for value in values]


def _counts(values: Sequence[float]) -> list[int]:
    return [sum(each == value for each in values) for value in set(values)]


def _sentence(signal: _Compared, direction: Direction, effect: EffectSize, medians: tuple[float, float]) -> str:
    now, before = (format_value(each, signal.unit) for each in medians)
    if direction is Direction.SAME:
        return f"{signal.title}: {now}, {before} before; no difference beyond chance."
    return f"{signal.title}: {now}, {before} before; {direction.value}, a {effect.value} effect."
