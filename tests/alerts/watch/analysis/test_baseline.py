"""A watch is worse than before only if it certainly is."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest

from alerts.watch.analysis.baseline import BaselineTracker, change, with_baseline
from alerts.watch.analysis.messages import compared
from alerts.watch.model.check import Baseline, Check
from alerts.watch.model.hour import HourSummary
from alerts.watch.model.watch import Verdict
from tests.alerts.watch import fixtures
from tests.alerts.watch.analysis.test_hours import CHECKS
from tests.alerts.watch.fixtures import DAY, HOUR, START

FIRST = int(START // HOUR)
CHECK = CHECKS["processing_time_before"]


def day(drawn: Random, worse: float = 1.0) -> dict[int, float]:
    """Hours of a day: busy at noon, with a level of the day, and each hour near the one before."""
    level, noise, found = drawn.gauss(0.0, 0.15), 0.0, {}
    for hour in range(24):
        noise = 0.7 * noise + drawn.gauss(0.0, 0.2)
        shape = 1.0 + 0.5 * math.sin(math.pi * hour / 12)
        found[hour] = worse * 8.0 * shape * math.exp(level + noise)
    return found


def history(days: dict[int, dict[int, float]]) -> dict[int, HourSummary]:
    """Hours of earlier days, by how many days back they are."""
    return {
        FIRST - 24 * back + (hour - FIRST) % 24: HourSummary({CHECK.name: value}, usable=True)
        for back, values in days.items()
        for hour, value in values.items()
    }


def with_days(hours: dict[int, HourSummary], failed: tuple[range, ...] = ()) -> Check:
    return with_baseline(CHECK, hours, failed, START)


def verdict(check: Check, hours: dict[int, float]) -> Verdict | None:
    assert check.baseline is not None
    assert check.baseline_limit is not None
    found = change(hours, check.baseline, check.baseline_limit.floor)
    return compared(check, found, final=True)[0]


def simulated(worse: float, watches: int, seed: str, days: int = 7) -> dict[Verdict | None, float]:
    """The shares of verdicts on watches that are so many times as slow as before."""
    drawn, counts = Random(seed), dict[Verdict | None, int]()
    for _ in range(watches):
        check = with_days(history({back: day(drawn) for back in range(1, days + 1)}))
        found = verdict(check, day(drawn, worse))
        counts[found] = counts.get(found, 0) + 1
    return {each: count / watches for each, count in counts.items()}


def test_healthy_days_do_not_fail():
    """Of 400 watches no worse than before, none fails, as the tolerance is far away."""
    found = simulated(1.0, 400, "healthy")
    assert found.get(Verdict.FAIL, 0.0) == 0
    assert found[Verdict.PASS] > 0.3


def test_at_the_tolerance_one_in_twenty_fails():
    """The worst case of a watch that is as much worse as is allowed: the stated rate is 5 %."""
    drawn, failed = Random("tolerance"), 0
    for _ in range(400):
        check = with_days(history({back: day(drawn) for back in range(1, 8)}))
        allowed = {hour: 1.5 * (value + 15.0) - 15.0 for hour, value in day(drawn).items()}
        failed += verdict(check, allowed) is Verdict.FAIL
    assert failed / 400 <= 0.05


def test_a_worsening_is_found():
    """Four times as slow: most watches fail after a week of history, some after three days, and none passes."""
    after_a_week = simulated(4.0, 200, "worse")
    assert after_a_week[Verdict.FAIL] > 0.75
    assert Verdict.PASS not in after_a_week
    assert simulated(8.0, 200, "much worse")[Verdict.FAIL] > 0.99
    assert simulated(4.0, 200, "few days", days=3)[Verdict.FAIL] > 0.3


def test_the_same_weekdays_are_taken_when_there_are_four():
    """Otherwise up to two weeks of days."""
    drawn = Random(1)
    month = with_days(history({back: day(drawn, 5.0 if back % 7 == 0 else 1.0) for back in range(1, 29)})).baseline
    assert month is not None
    assert (month.days, month.same_weekday) == (4, True)
    assert min(value for value in month.hours if value is not None) > 10
    weeks = with_days(history({back: day(drawn) for back in range(1, 21)})).baseline
    assert weeks is not None
    assert (weeks.days, weeks.same_weekday) == (14, False)


def test_unusable_hours_do_not_count():
    """Those with maintenance or pages, and those of a failed watch."""
    drawn = Random(2)
    hours = history({back: day(drawn) for back in range(1, 5)})
    assert with_days(hours).baseline is not None
    some = {number: replace(each, usable=number < FIRST - 48) for number, each in hours.items()}
    assert with_days(some).no_baseline == "2 earlier days can be used, 3 are needed"
    assert with_days(hours, (range(FIRST - 48, FIRST),)).no_baseline == "2 earlier days can be used, 3 are needed"
    assert with_days({}).no_baseline == "0 earlier days can be used, 3 are needed"


def test_other_checks_have_no_baseline():
    """They stay as they are."""
    other = fixtures.watch().checks[0]
    assert with_baseline(other, {}, (), START) is other


def test_days_that_are_all_alike():
    """Then the hours of the watch alone say how sure the difference is."""
    same = with_days(history({back: dict.fromkeys(range(24), 5.0) for back in range(1, 8)}))
    assert verdict(same, dict.fromkeys(range(24), 5.0)) is Verdict.PASS
    assert verdict(same, dict.fromkeys(range(24), 40.0)) is Verdict.FAIL
    # A few hours are much worse: the day is not certainly worse, nor certainly no worse.
    assert verdict(same, {hour: 400.0 if hour < 6 else 5.0 for hour in range(24)}) is None
    assert verdict(same, dict.fromkeys(range(7), 40.0)) is None


def test_signed_ranks():
    """By hand: of the 36 averages of eight hours, the sixth from either end."""
    baseline = Baseline((0.0,) * 24, 3, same_weekday=False, shift=0.0, spread=0.0)
    logarithms = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    found = change({hour: math.exp(each) - 1 for hour, each in enumerate(logarithms)}, baseline, 1.0)
    assert found is not None
    assert math.log1p(found.estimate) == pytest.approx(0.45)
    assert math.log1p(found.low) == pytest.approx(0.3)
    assert math.log1p(found.high) == pytest.approx(0.6)


def test_the_hours_of_a_watch():
    """The medians of its ticks by hour of the day."""
    check = with_days(history({back: dict.fromkeys(range(24), 2.5) for back in range(1, 8)}))
    tracker = BaselineTracker(check)
    for tick in fixtures.ticks(7 * HOUR):
        tracker.add(tick)
    assert tracker.change() is None
    for tick in fixtures.ticks(DAY)[7 * 60 :]:
        tracker.add(tick)
    found = tracker.change()
    assert found is not None
    assert (found.estimate, found.low, found.high) == (0, 0, 0)
    assert BaselineTracker(CHECK).change() is None
