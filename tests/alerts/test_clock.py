"""What time it is when the clock is set."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from alerts.clock import DOUBT, Clock, Look


@dataclass
class Times:
    """Two clocks that somebody moves."""

    wall: float = 1e9
    monotonic: float = 50.0

    def pass_(self, seconds: float, stepped: float = 0.0) -> None:
        self.wall += seconds + stepped
        self.monotonic += seconds


def looking() -> tuple[Times, Clock]:
    """The clocks, and what looks at them."""
    times = Times()
    return times, Clock(lambda: times.wall, lambda: times.monotonic)


def test_time_passes() -> None:
    """The first look knows of no time before; each later one of what has passed since."""
    times, clock = looking()
    assert clock.look() == Look(1e9)
    times.pass_(15)
    assert clock.look() == Look(1e9 + 15, 15.0)


@pytest.mark.parametrize("stepped", [3600.0, -3600.0, 1.5])
def test_a_step_is_noticed_and_doubted_for_a_while(stepped: float) -> None:
    """What has passed is by the other clock; the time of day is in doubt for five minutes."""
    times, clock = looking()
    clock.look()
    times.pass_(15, stepped)
    assert clock.look() == Look(1e9 + 15 + stepped, 15.0, stepped, in_doubt=True)
    times.pass_(DOUBT - 1)
    assert clock.look() == Look(times.wall, DOUBT - 1, 0.0, in_doubt=True)
    times.pass_(1)
    assert not clock.look().in_doubt


def test_a_slewed_clock_is_followed() -> None:
    """Half a millisecond a second, for an hour, is no step."""
    times, clock = looking()
    clock.look()
    for _ in range(240):
        times.pass_(15, 0.0075)
        look = clock.look()
        assert (look.stepped, look.in_doubt) == (0.0, False)


def test_a_clock_set_back_has_to_catch_up() -> None:
    """Once it is believed again, timestamps made before lie in the future for as long as it was set back."""
    times, clock = looking()
    clock.look()
    times.pass_(15, -3600)
    assert not clock.look().behind
    times.pass_(DOUBT)
    assert clock.look() == Look(times.wall, DOUBT, in_doubt=False, behind=True)
    times.pass_(3600 - 1)
    assert clock.look().behind
    times.pass_(1)
    assert not clock.look().behind


@pytest.mark.parametrize("stepped", [3600.0, -3600.0])
def test_a_step_that_is_taken_back_is_forgotten(stepped: float) -> None:
    """Nobody believed it, so there is nothing to catch up with."""
    times, clock = looking()
    clock.look()
    times.pass_(15, stepped)
    clock.look()
    times.pass_(60, -stepped)
    assert clock.look().in_doubt
    times.pass_(DOUBT)
    assert clock.look() == Look(times.wall, DOUBT)


def test_time_never_stands_still_unnoticed() -> None:
    """A wall clock that is where it was has been set, however little that was."""
    times, clock = looking()
    clock.look()
    times.pass_(0.25, -0.25)
    assert clock.look().stepped == pytest.approx(-0.25)
