"""Whether a signal is higher than in the same hours of earlier days.

Hours of a day depend on each other, and days differ. So a day is one observation: the Hodges-Lehmann estimate of the
logarithms by which its hours are above the same hours of other days. The watch is compared with what the earlier days
had among themselves: a prediction interval by Student's t distribution for one more such day. The interval of the
hours of the watch by Wilcoxon's signed-rank test is joined to it, because days that are all alike say nothing about
the randomness within one. Each bound holds with a confidence of 95 %. So a watch that is exactly as much worse as the
tolerance allows fails with a probability of at most 5 %, and one that is no worse hardly ever: it is compared once, at
its end.

Sources: Hollander, Wolfe, Chicken, "Nonparametric Statistical Methods", chapter 3 (signed ranks, Hodges-Lehmann);
Hahn, Meeker, "Statistical Intervals", chapter 4 (prediction intervals).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement
from statistics import fmean, median, stdev

from alerts.watch.analysis.hours import HOUR, HourValues, value_of
from alerts.watch.model.check import Baseline, BaselineLimit, Check
from alerts.watch.model.hour import HourSummary
from alerts.watch.model.result import Change
from alerts.watch.model.tick import Tick

_DAY_HOURS, _WEEK_DAYS = 24, 7
# Days of which hours are kept: four times each day of the week, and one week for days that cannot be used.
KEPT_DAYS = 35
# The fewest earlier days, and hours of a day: the signed-rank test needs five, and eight are a shift.
MIN_DAYS, MIN_HOURS = 3, 8
# With so many of the same day of the week, only these count; otherwise as many of the latest days.
_SAME_WEEKDAYS, _LATEST_DAYS = 4, 14
# The quantile of 95 % of Student's t distribution by degrees of freedom, from 1 on; and of the normal distribution.
_T95 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771)
_Z95 = 1.645

# The values of a day by hour of the day.
_Hours = Mapping[int, float]


def with_baseline(check: Check, hours: Mapping[int, HourSummary], failed: Iterable[range], started_at: float) -> Check:
    """The check with its baseline for a watch from `started_at` on, Unix seconds, or with the reason why there is none.

    `hours` are by their number since 1970, `failed` the hours of watches that failed. Other checks stay as they are.
    """
    if check.baseline_limit is None:
        return check
    found = _baseline(check.name, check.baseline_limit, hours, failed, started_at)
    return replace(check, no_baseline=found) if isinstance(found, str) else replace(check, baseline=found)


def _baseline(
    name: str, limit: BaselineLimit, hours: Mapping[int, HourSummary], failed: Iterable[range], started_at: float
) -> Baseline | str:
    excluded = {number for each in failed for number in each}
    days = _days(name, {n: each for n, each in hours.items() if n not in excluded}, int(started_at // HOUR))
    weekdays = [back for back in days if back % _WEEK_DAYS == 0]
    same_weekday = len(weekdays) >= _SAME_WEEKDAYS
    chosen = [days[back] for back in (weekdays if same_weekday else sorted(days)[:_LATEST_DAYS])]
    if len(chosen) < MIN_DAYS:
        return f"{len(chosen)} earlier days can be used, {MIN_DAYS} are needed"
    shifts = [_shift(day, _profile(chosen[:n] + chosen[n + 1 :]), limit.floor) for n, day in enumerate(chosen)]
    known = [shift for shift in shifts if shift is not None]
    if len(known) < MIN_DAYS:
        return f"too few hours of the day are known on {MIN_DAYS} earlier days"
    profile = _profile(chosen)
    return Baseline(tuple(map(profile.get, range(_DAY_HOURS))), len(known), same_weekday, fmean(known), stdev(known))


def _days(name: str, hours: Mapping[int, HourSummary], first: int) -> dict[int, _Hours]:
    """The days before an hour with enough usable hours, by how many days back they are."""
    found: dict[int, dict[int, float]] = {}
    for number, summary in hours.items():
        back = -((number - first) // _DAY_HOURS)
        if 1 <= back <= KEPT_DAYS and summary.usable and name in summary.values:
            found.setdefault(back, {})[number % _DAY_HOURS] = summary.values[name]
    return {back: day for back, day in found.items() if len(day) >= MIN_HOURS}


def _profile(days: Sequence[_Hours]) -> _Hours:
    """The median of the days for each hour of the day."""
    hours = {hour for day in days for hour in day}
    return {hour: median([day[hour] for day in days if hour in day]) for hour in hours}


def _logarithms(day: _Hours, before: _Hours, floor: float) -> list[float]:
    # An age may be negative by the difference of two clocks.
    return [
        math.log((max(day[hour], 0.0) + floor) / (max(before[hour], 0.0) + floor)) for hour in day if hour in before
    ]


def _shift(day: _Hours, before: _Hours, floor: float) -> float | None:
    logarithms = _logarithms(day, before, floor)
    return _walsh_median(logarithms) if len(logarithms) >= MIN_HOURS else None


def _walsh_averages(values: Sequence[float]) -> list[float]:
    return sorted((one + other) / 2 for one, other in combinations_with_replacement(values, 2))


def _walsh_median(values: Sequence[float]) -> float:
    """The Hodges-Lehmann estimate of one sample."""
    return median(_walsh_averages(values))


def change(hours: _Hours, baseline: Baseline, floor: float) -> Change | None:
    """How much higher the hours of a watch are, with both bounds at 95 %; None of too few hours."""
    before = {hour: value for hour, value in enumerate(baseline.hours) if value is not None}
    logarithms = _logarithms(hours, before, floor)
    if len(logarithms) < MIN_HOURS:
        return None
    averages, count = _walsh_averages(logarithms), len(logarithms)
    error = _Z95 * math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    rank = max(0, math.floor(count * (count + 1) / 4 - error))
    estimate, margin = median(averages), _margin(baseline)
    low, high = min(estimate - margin, averages[rank]), max(estimate + margin, averages[-1 - rank])
    return Change(*(math.expm1(each - baseline.shift) for each in (estimate, low, high)))


def _margin(baseline: Baseline) -> float:
    """Half of the prediction interval for one more day."""
    freedom = min(baseline.days - 1, len(_T95))
    return _T95[freedom - 1] * baseline.spread * math.sqrt(1 + 1 / baseline.days)


@dataclass(slots=True)
class BaselineTracker:
    """The hours of a watch, for one check."""

    check: Check
    _hours: dict[int, HourValues] = field(default_factory=dict)

    def add(self, tick: Tick) -> None:
        """Add one tick."""
        value = value_of(self.check, tick)
        if value is not None:
            self._hours.setdefault(int(tick.at // HOUR) % _DAY_HOURS, HourValues()).add(tick.at, value)

    def change(self) -> Change | None:
        """The change against the baseline; None when there is none, or too few hours are known."""
        check, medians = self.check, {hour: each.median for hour, each in self._hours.items()}
        if check.baseline is None or check.baseline_limit is None:
            return None
        known = {hour: value for hour, value in medians.items() if value is not None}
        return change(known, check.baseline, check.baseline_limit.floor)
