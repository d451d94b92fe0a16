"""The times of drills."""

from __future__ import annotations

import datetime as dt

import pytest

from alerts.notify.drill.schedule import DrillTimes, drill_times
from exporter.core.types import WeeklyTime, Zone

TUESDAY = WeeklyTime(1, 10, 0, Zone("Europe/Berlin"))
WEEK = 7 * 86400


def utc(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "latest", "following"),
    [
        ("2026-01-13T09:00:00", "2026-01-13T09:00:00", "2026-01-20T09:00:00"),
        ("2026-01-13T08:59:59", "2026-01-06T09:00:00", "2026-01-13T09:00:00"),
        ("2026-01-12T23:30:00", "2026-01-06T09:00:00", "2026-01-13T09:00:00"),
        ("2026-01-19T12:00:00", "2026-01-13T09:00:00", "2026-01-20T09:00:00"),
        # Summer time begins on 29 March and ends on 25 October: ten o'clock stays ten o'clock.
        ("2026-03-30T12:00:00", "2026-03-24T09:00:00", "2026-03-31T08:00:00"),
        ("2026-10-26T12:00:00", "2026-10-20T08:00:00", "2026-10-27T09:00:00"),
    ],
)
def test_by_the_local_clock(now, latest, following):
    """The latest one that has begun, and the one after it, a week later by the clock of the zone."""
    assert drill_times(TUESDAY, utc(now)) == DrillTimes(utc(latest), utc(following))


def test_in_utc():
    """Without a database of time zones."""
    times = drill_times(WeeklyTime(0, 0, 0, Zone("UTC")), utc("2026-01-12T00:00:00"))
    assert times == DrillTimes(utc("2026-01-12T00:00:00"), utc("2026-01-19T00:00:00"))


def test_it_lasts_ten_minutes():
    """Its beginning included, its end not; a restart within them changes nothing."""
    times = DrillTimes(1000, 1000 + WEEK)
    assert [times.lasts(at) for at in (999, 1000, 1599, 1600)] == [False, True, True, False]
