"""When the drill takes place: a pure function of the time, so that a restart neither repeats nor forgets one."""

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from exporter.core.types import WeeklyTime

# How long the alert fires, seconds: longer than a restart of the exporter, and than Alertmanager's group_interval.
DURATION: Final = 600.0
_WEEK = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DrillTimes:
    """The latest drill that has begun, and the next one. Units: Unix seconds."""

    latest: float
    next: float

    def lasts(self, at: float) -> bool:
        """Whether a drill takes place at this time, Unix seconds."""
        return self.latest <= at < self.latest + DURATION


def drill_times(schedule: WeeklyTime, at: float) -> DrillTimes:
    """The drills around `at`, Unix seconds, by the clock of the zone; a repeated hour counts once."""
    zone = dt.UTC if schedule.zone == "UTC" else ZoneInfo(schedule.zone)
    local = dt.datetime.fromtimestamp(at, zone)
    day = local.date() - dt.timedelta(days=(local.weekday() - schedule.weekday) % 7)
    time = dt.time(schedule.hour, schedule.minute, tzinfo=zone)
    latest = dt.datetime.combine(day, time)
    if latest.timestamp() > at:
        latest -= _WEEK
    return DrillTimes(latest.timestamp(), (latest + _WEEK).timestamp())
