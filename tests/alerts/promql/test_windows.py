"""Windows that overlap give the results of `ranges`, and the samples in force those of the storage."""

from __future__ import annotations

import math
from array import array
from random import Random

import pytest

from alerts.promql.ranges import RANGES, Points
from alerts.promql.storage import LOOKBACK, Series
from alerts.promql.windows import RunningTotals, Windows, newest_samples, over_windows
from tests.alerts.promql.test_differential import close

STEP = 15_000


def series(values: list[float], step: int = STEP, ends: tuple[int, ...] = ()) -> Series:
    times = array("q", [number * step for number, value in enumerate(values) if value != -1])
    made = Series("x", (), times=times, values=array("d", [value for value in values if value != -1]))
    made.ends = array("q", ends)
    return made


def shapes() -> dict[str, list[float]]:
    drawn = Random("windows")
    counter = [0.0]
    for _ in range(150):
        counter.append(0.0 if drawn.random() < 0.03 else counter[-1] + drawn.randrange(4))
    return {
        "constant": [7.0] * 60,
        "rising": [float(number // 3) for number in range(80)],
        "counter with resets": counter,
        "gauge": [drawn.uniform(0, 9) for _ in range(80)],
        "with gaps": [-1.0 if drawn.random() < 0.5 else float(number) for number in range(80)],
        "not finite": [drawn.choice((math.nan, math.inf, 3.0)) for _ in range(40)],
    }


@pytest.mark.parametrize("shape", shapes())
@pytest.mark.parametrize("function", RANGES)
def test_functions_give_the_results_of_one_window(shape, function):
    """Of every function, for windows shorter and longer than the steps between evaluations, with an offset."""
    of = series(shapes()[shape])
    parameters = {"quantile_over_time": 0.9, "predict_linear": 600.0}
    for length, offset in ((40_000, 0), (300_000, 0), (300_000, 21_000)):
        at = array("q", range(-STEP, 100 * STEP, 2 * STEP + 17))
        windows = Windows(at, array("q", [each - offset for each in at]), length)
        scalars = [[parameters[function]] * len(at)] if function in parameters else []
        found = over_windows(function, RunningTotals(of), windows, windows.bounds(of.times), scalars)
        for number, end in enumerate(windows.ends):
            first, last = of.between(end - length, end)
            points = Points(of, first, last, end - length, end, at[number])
            expected = RANGES[function](points, *(each[number] for each in scalars)) if first < last else None
            mine = found[number]
            assert (mine is None) is (expected is None)
            assert mine is None or expected is None or close(mine, expected)


@pytest.mark.parametrize("ends", [(), (40_000,), (40_000, 200_000)])
def test_the_sample_in_force(ends):
    """As the storage finds it at one time: not after a stale marker, not after the lookback."""
    of = series([float(number) if number < 12 or number > 50 else -1.0 for number in range(60)], ends=ends)
    times = array("q", range(-STEP, 70 * STEP + LOOKBACK, 7_001))
    for at, index in zip(times, newest_samples(of, times), strict=True):
        newest = of.newest(at)
        assert (None if index is None else (of.times[index], of.values[index])) == newest


def test_samples_at_the_evaluations_are_taken_as_they_are():
    """The usual case."""
    of = series([1.0, 2.0, 3.0, 4.0])
    assert newest_samples(of, array("q", [STEP, 2 * STEP])) == range(1, 3)
