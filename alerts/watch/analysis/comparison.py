"""Compares a watch with an earlier day: which signals changed, in which direction and by how much.

Values of one hour depend on each other, so each hour counts once, by its median; only hours of the day that both days
have are compared. The methods assume no normal distribution: the Mann-Whitney U test for significance, Cliff's delta
for the effect size, the Hodges-Lehmann estimator for the shift. The comparison decides no verdict.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from statistics import NormalDist, median

from alerts.watch.model.tick import Tick
from exporter.core.humanize import format_value

_DAY, _HOUR = 86400.0, 3600.0
# A watch shorter than a day is divided into as many parts as a day has hours.
_PARTS = 24
# With four hours each, even the most extreme order has a probability of 1/35 per side.
_FEWEST = 5
_SIGNIFICANCE_LEVEL = 0.05

Hours = Mapping[str, Mapping[int, float]]


class EffectSize(StrEnum):
    """The effect size by Cliff's delta."""

    NEGLIGIBLE = "negligible"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Direction(StrEnum):
    """The direction of a change."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class SignalComparison:
    """One signal, by medians of hours. `shift` is the Hodges-Lehmann estimate, in its unit.

    `delta` is Cliff's, from -1 (always lower than before) to 1; `p` that of the two-sided Mann-Whitney U test.
    """

    signal: str
    title: str
    unit: str
    hours: int
    hours_before: int
    median: float
    median_before: float
    shift: float
    delta: float
    p: float
    effect: EffectSize
    direction: Direction
    sentence: str


@dataclass(frozen=True, slots=True)
class DayComparison:
    """A watch compared with `against`: an earlier watch, or the day before."""

    against: str
    signals: tuple[SignalComparison, ...]


# Romano et al. 2006, "Appropriate statistics for ordinal level data": below .147 negligible, .33 small, .474 medium.
_EFFECTS = ((0.147, EffectSize.NEGLIGIBLE), (0.33, EffectSize.SMALL), (0.474, EffectSize.MEDIUM))


@dataclass(frozen=True, slots=True)
class _Compared:
    """A compared signal. A higher value is worse."""

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
    """The median of each compared signal by hour of the day, or by part of a watch shorter than a day.

    `duration` is that of the watch, seconds. Shape: signal to hour (0 to 23) to median.
    """
    found: dict[str, dict[int, list[float]]] = {each.signal: {} for each in COMPARED}
    for tick in ticks:
        part = int(tick.at % _DAY // _HOUR) if duration >= _DAY else int(tick.elapsed // (duration / _PARTS))
        for signal, parts in found.items():
            value = tick.values.get(signal)
            if value is not None and math.isfinite(value):
                parts.setdefault(part, []).append(value)
    return {signal: {part: median(each) for part, each in parts.items()} for signal, parts in found.items()}


def compare(now: Hours, before: Hours, against: str) -> DayComparison:
    """Compare two days. Signals with values in fewer than five common hours are left out."""
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
    changed = effect is not EffectSize.NEGLIGIBLE and p < _SIGNIFICANCE_LEVEL
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
    """Cliff's delta: how much more often a value of `now` is above one of `before` than below it, -1 to 1."""
    signs = sum((one > other) - (one < other) for one, other in product(now, before))
    return signs / (len(now) * len(before))


def mann_whitney(now: Sequence[float], before: Sequence[float]) -> float:
    """The p-value of the two-sided Mann-Whitney U test, by the normal approximation with tie correction.

    `now` and `before` hold one value per hour each, in the same unit.
    """
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
    """Ranks from 1 on; equal values share their mean rank."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values), start=1):
        places.setdefault(value, []).append(place)
    return [sum(places[value]) / len(places[value]) for value in values]


def _counts(values: Sequence[float]) -> list[int]:
    return [sum(each == value for each in values) for value in set(values)]


def _sentence(signal: _Compared, direction: Direction, effect: EffectSize, medians: tuple[float, float]) -> str:
    now, before = (format_value(each, signal.unit) for each in medians)
    if direction is Direction.SAME:
        return f"{signal.title}: {now}, {before} before; no significant difference."
    return f"{signal.title}: {now}, {before} before; {direction.value}, a {effect.value} effect."
