"""The clocks of a watch."""

from __future__ import annotations

import time

import pytest

from alerts.watch import clock
from alerts.watch.clock import ClockReading, Elapsed
from tests.alerts.watch.fixtures import DAY


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (ClockReading(100, 50, "a"), ClockReading(115, 65, "a"), Elapsed(15, 0)),
        (ClockReading(100, 50, "a"), ClockReading(3715, 65, "a"), Elapsed(15, 3600)),
        (ClockReading(100, 50, "a"), ClockReading(-3485, 65, "a"), Elapsed(15, -3600)),
        (ClockReading(100, 50, "a"), ClockReading(115.4, 65, "a"), Elapsed(15, 0)),
        # Half a millisecond a second may be slewing, over a day that is 43 seconds.
        (ClockReading(0, 0, "a"), ClockReading(DAY + 40, DAY, "a"), Elapsed(DAY, 0)),
        # After a reboot the wall clock is used, unless it went back.
        (ClockReading(100, 50, "a"), ClockReading(700, 3, "b"), Elapsed(600, 0)),
        (ClockReading(100, 50, "a"), ClockReading(40, 3, "b"), Elapsed(clock.LEAST, -60)),
        # The boot is the same and its clock went back: it is another machine's.
        (ClockReading(100, 50, "a"), ClockReading(130, 20, "a"), Elapsed(30, 0)),
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
