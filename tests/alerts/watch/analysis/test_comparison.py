"""A day beside another: whether it is worse, by how much, and whether that may be chance."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from alerts.watch.analysis.comparison import (
    Direction,
    EffectSize,
    SignalComparison,
    cliffs_delta,
    compare,
    hours,
    mann_whitney,
)
from alerts.watch.model.tick import Tick
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import DAY, HOUR, showing


def day(seed: int, level: float, *, started: float = 0.0) -> list[Tick]:
    """A day whose backlog swings with the hour around a level."""
    rng = random.Random(seed)
    return [
        replace(
            showing(backlog_jobs=level * (1 + 0.2 * (tick.at // HOUR % 3)) + rng.uniform(0, 2))(tick),
            elapsed=tick.elapsed + started,
        )
        for tick in fixtures.ticks(interval=300)
    ]


def backlog(now: list[Tick], before: list[Tick], duration: float = DAY) -> SignalComparison:
    comparison = compare(hours(now, duration), hours(before, duration), "the day before")
    return next(each for each in comparison.signals if each.signal == "outbox:backlog_jobs")


def test_the_same_day_twice_is_no_difference():
    """Nor is another one like it."""
    for seed in range(2, 30):
        found = backlog(day(1, 10), day(seed, 10))
        assert found.direction is Direction.SAME
    assert found.sentence.endswith("no significant difference.")
    assert (found.hours, found.hours_before) == (24, 24)


def test_a_worse_day_is_worse_by_so_much():
    """Direction, size and text."""
    found = backlog(day(1, 20), day(2, 10))
    assert (found.direction, found.effect) == (Direction.WORSE, EffectSize.LARGE)
    assert found.shift == pytest.approx(12, abs=2)
    assert found.p < 0.001
    assert "worse, a large effect" in found.sentence
    assert backlog(day(2, 10), day(1, 20)).direction is Direction.BETTER


def test_only_the_same_hours_are_compared():
    """An afternoon is compared with the afternoon before, however bad that morning was."""
    before = [showing(backlog_jobs=500)(tick) if tick.at % DAY < 12 * HOUR else tick for tick in day(2, 10)]
    afternoon = [tick for tick in day(1, 10) if tick.at % DAY >= 12 * HOUR]
    found = backlog(afternoon, before)
    assert (found.hours, found.direction) == (12, Direction.SAME)


def test_too_little_is_not_compared():
    """Four hours prove nothing."""
    few = [tick for tick in day(1, 20) if tick.elapsed < 4 * HOUR]
    assert compare(hours(few, DAY), hours(day(2, 10), DAY), "").signals == ()


def test_a_scaled_watch_is_compared_by_its_parts():
    """A watch of an hour has two dozen parts as well."""
    shrunk = [replace(tick, elapsed=tick.elapsed / 24) for tick in day(1, 20)]
    found = backlog(shrunk, [replace(tick, elapsed=tick.elapsed / 24) for tick in day(2, 10)], HOUR)
    assert found.hours >= 24
    assert found.direction is Direction.WORSE


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [([1, 2, 3], [1, 2, 3], 0), ([4, 5], [1, 2], 1), ([1, 2], [4, 5], -1), ([1, 4], [2, 3], 0), ([2, 3], [1, 2], 0.75)],
)
def test_cliffs_delta(now, before, expected):
    """How much more often above than below."""
    assert cliffs_delta(now, before) == expected


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        # By hand: U = 0, mean 12.5, deviation sqrt(25 * 11 / 12); with the half that continuity takes.
        ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], 0.012186),
        ([1, 1, 1, 1, 1], [1, 1, 1, 1, 1], 1.0),
        # U = 13: as far from 12.5 as the continuity correction reaches.
        ([1, 3, 5, 7, 9.5], [2, 4, 4.5, 8, 9], 1.0),
        # By hand: U = 5.5; ties of 2, 4 and 4 take 126 / 90 from 11. SciPy agrees.
        ([1, 1, 2, 2, 3], [2, 2, 3, 3, 3], 0.146100),
    ],
)
def test_mann_and_whitney(now, before, expected):
    """Two-sided, with ties."""
    assert mann_whitney(now, before) == pytest.approx(expected, abs=1e-5)


def test_random_differences_are_rarely_significant():
    """Of days drawn from the same, about one in twenty seems different at that level, not one in five."""
    rng = random.Random(7)
    draws = [
        mann_whitney([rng.gauss(0, 1) for _ in range(24)], [rng.gauss(0, 1) for _ in range(24)]) for _ in range(1000)
    ]
    assert 0.03 < sum(p < 0.05 for p in draws) / len(draws) < 0.07


def spread(delta: int) -> tuple[list[float], list[float]]:
    """Ten values now and ten before whose delta is so many hundredths; even."""
    many, rest = divmod(delta, 10)
    signs = [10] * many + [rest] + [0] * (9 - many)
    return [5.5 + sign / 2 for sign in signs], [float(number) for number in range(1, 11)]


@pytest.mark.parametrize(
    ("delta", "effect"),
    [
        (14, EffectSize.NEGLIGIBLE),
        (16, EffectSize.SMALL),
        (32, EffectSize.SMALL),
        (34, EffectSize.MEDIUM),
        (46, EffectSize.MEDIUM),
        (48, EffectSize.LARGE),
    ],
)
def test_effect_sizes(delta, effect):
    """The limits of Romano et al.: 0.147, 0.33 and 0.474. A difference that may be random has no direction."""
    now, before = spread(delta)
    empty: dict[int, float] = {}
    found = backlog_of(dict(enumerate(now)), dict(enumerate(before)), empty)
    assert found.delta == pytest.approx(delta / 100)
    assert found.effect is effect
    assert found.direction is Direction.SAME


def backlog_of(now: dict[int, float], before: dict[int, float], empty: dict[int, float]) -> SignalComparison:
    here, there = (dict.fromkeys(hours([], DAY), empty) for _ in range(2))
    (found,) = compare(
        {**here, "outbox:backlog_jobs": now}, {**there, "outbox:backlog_jobs": before}, "the day before"
    ).signals
    return found


def test_five_common_hours_are_enough():
    """Of four, nothing is known."""
    now, before = dict.fromkeys(range(5), 20.0), dict.fromkeys(range(1, 24), 10.0)
    empty: dict[int, float] = {}
    with pytest.raises(ValueError, match="unpack"):
        backlog_of(now, before, empty)
    found = backlog_of({**now, 5: 20.0}, before, empty)
    assert (found.hours, found.median, found.median_before, found.shift) == (5, 20, 10, 10)
    assert found.sentence == "Backlog: 20, 10 before; worse, a large effect."
