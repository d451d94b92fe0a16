"""The clocks of a watch."""

from __future__ import annotations

import time

import pytest

from alerts.watch import clock
from alerts.watch.clock import Elapsed, WatchTime
from tests.alerts.watch.fixtures import DAY


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (WatchTime(100, 50, "a"), WatchTime(115, 65, "a"), Elapsed(15, 0)),
        (WatchTime(100, 50, "a"), WatchTime(3715, 65, "a"), Elapsed(15, 3600)),
        (WatchTime(100, 50, "a"), WatchTime(-3485, 65, "a"), Elapsed(15, -3600)),
        (WatchTime(100, 50, "a"), WatchTime(115.4, 65, "a"), Elapsed(15, 0)),
        # Half a millisecond a second may be slewing, over a day that is 43 seconds.
        (WatchTime(0, 0, "a"), WatchTime(DAY + 40, DAY, "a"), Elapsed(DAY, 0)),
        # After a reboot the wall clock is used, unless it went back.
        (WatchTime(100, 50, "a"), WatchTime(700, 3, "b"), Elapsed(600, 0)),
        (WatchTime(100, 50, "a"), WatchTime(40, 3, "b"), Elapsed(clock.LEAST, -60)),
        # The boot is the same and its clock went back: it is another machine's.
        (WatchTime(100, 50, "a"), WatchTime(130, 20, "a"), Elapsed(30, 0)),
    ],
)
def test_the_time_between_two_readings(before, after, expected):
    """The boot's clock counts; a difference of the other one is a step."""
    assert clock.elapsed(before, after) == expected


def test_the_current_time_advances():
    """Its steady clock never goes back, in the same era."""
    first, second = clock.now(), clock.now()
    assert first.era == second.era
    assert second.steady >= first.steady
    assert abs(first.at - time.time()) < 60
