"""Detection of steps of the wall clock."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from alerts.evaluation.clock import ClockReading, MonitoredClock


@dataclass
class Times:
    """Two clocks that a test sets."""

    wall: float = 1e9
    monotonic: float = 50.0

    def pass_(self, seconds: float, stepped: float = 0.0) -> None:
        self.wall += seconds + stepped
        self.monotonic += seconds


def changeable_clock() -> tuple[Times, MonitoredClock]:
    """The two clocks and the object under test."""
    times = Times()
    return times, MonitoredClock(lambda: times.wall, lambda: times.monotonic)


def test_time_passes() -> None:
    """The first reading has no elapsed time; each later one has the time since the previous reading."""
    times, clock = changeable_clock()
    assert clock.now() == ClockReading(1e9)
    times.pass_(15)
    assert clock.now() == ClockReading(1e9 + 15, 15.0)


@pytest.mark.parametrize("stepped", [3600.0, -3600.0, 1.5])
def test_time_is_uncertain_after_a_step(stepped: float) -> None:
    """Elapsed time is that of the monotonic clock; the wall clock is uncertain for five minutes."""
    times, clock = changeable_clock()
    clock.now()
    times.pass_(15, stepped)
    assert clock.now() == ClockReading(1e9 + 15 + stepped, 15.0, stepped, uncertain=True)
    times.pass_(299.0)
    assert clock.now() == ClockReading(times.wall, 299.0, 0.0, uncertain=True)
    times.pass_(1)
    assert not clock.now().uncertain


def test_a_slewed_clock_is_followed() -> None:
    """Slewing by half a millisecond per second for an hour is not a step."""
    times, clock = changeable_clock()
    clock.now()
    for _ in range(240):
        times.pass_(15, 0.0075)
        now = clock.now()
        assert (now.stepped, now.uncertain) == (0.0, False)


def test_a_clock_that_was_set_back() -> None:
    """After a step back, older timestamps lie in the future for as long as the step was."""
    times, clock = changeable_clock()
    clock.now()
    times.pass_(15, -3600)
    assert not clock.now().set_back
    times.pass_(300.0)
    assert clock.now() == ClockReading(times.wall, 300.0, uncertain=False, set_back=True)
    times.pass_(3600 - 1)
    assert clock.now().set_back
    times.pass_(1)
    assert not clock.now().set_back


@pytest.mark.parametrize("stepped", [3600.0, -3600.0])
def test_a_step_that_is_reverted(stepped: float) -> None:
    """A time during the uncertain period is not accepted, so that it causes no set-back afterwards."""
    times, clock = changeable_clock()
    clock.now()
    times.pass_(15, stepped)
    clock.now()
    times.pass_(60, -stepped)
    assert clock.now().uncertain
    times.pass_(300.0)
    assert clock.now() == ClockReading(times.wall, 300.0)


def test_a_stopped_clock_is_detected() -> None:
    """A wall clock that is where it was has been set, however little that was."""
    times, clock = changeable_clock()
    clock.now()
    times.pass_(0.25, -0.25)
    assert clock.now().stepped == pytest.approx(-0.25)
