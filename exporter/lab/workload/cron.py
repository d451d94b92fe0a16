"""Runs the due jobs of the stand-in's table `cron.job`, as pg_cron's launcher does."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import psycopg

from exporter.lab.background import LabConnection

_MINUTE: Final = timedelta(minutes=1)
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))  # minute, hour, day, month, weekday from Sunday
_SUNDAY: Final = 7  # also written 0
_LATEST: Final = timedelta(hours=1)  # after a delay, older runs are skipped

_DUE: Final = "SELECT jobid, schedule, command, database, username FROM cron.job WHERE active ORDER BY jobid"
_DONE: Final = """
    INSERT INTO cron.job_run_details
      (jobid, database, username, command, status, return_message, start_time, end_time)
    VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp())
"""


def is_due(schedule: str, minute: datetime) -> bool:
    """Whether a cron expression with five numeric fields matches this minute.

    When both day of month and day of week are restricted, one match is enough, as in cron.
    Raises: ValueError for any other expression.
    """
    fields = schedule.split()
    if len(fields) != len(_BOUNDS):
        raise ValueError(f"a cron expression has five fields: {schedule!r}")
    minutes, hours, days, months, weekdays = (
        _values(field, low, high) for field, (low, high) in zip(fields, _BOUNDS, strict=True)
    )
    on_day = minute.day in days
    on_weekday = minute.isoweekday() % _SUNDAY in {weekday % _SUNDAY for weekday in weekdays}
    either = "*" not in (fields[2][0], fields[4][0])
    return (
        minute.minute in minutes
        and minute.hour in hours
        and minute.month in months
        and (on_day or on_weekday if either else on_day and on_weekday)
    )


def _values(field: str, low: int, high: int) -> set[int]:
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            start, end = low, high
        else:
            start = int(first)
            end = int(last) if last else (high if step else start)
        if not low <= start <= end <= high:
            raise ValueError(f"{part!r} is outside {low}-{high}")
        values.update(range(start, end + 1, int(step) if step else 1))
    return values


def minutes_between(after: datetime, until: datetime) -> Iterator[datetime]:
    """The full minutes in (`after`, `until`], at most those of the last hour."""
    earliest = max(after, until - _LATEST)
    minute = earliest.replace(second=0, microsecond=0) + _MINUTE
    while minute <= until:
        yield minute
        minute += _MINUTE


class CronRunner:
    """Runs due jobs, each as its user in its database, and writes cron.job_run_details.

    Args:
        connection: a superuser's, to the database with the schema `cron`.
        dsn: returns the connection string for a user and a database.
        started_at: jobs due after this time are run.
    """

    def __init__(self, connection: LabConnection, dsn: Callable[[str, str], str], started_at: datetime) -> None:
        self._connection = connection
        self._dsn = dsn
        self._seen = started_at

    def run_due(self, now: datetime) -> int:
        """Runs the jobs that became due since the last call; returns the number of runs."""
        minutes = list(minutes_between(self._seen, now))
        if not minutes:
            return 0
        jobs = self._connection.open().execute(_DUE).fetchall()
        self._seen = now
        runs = [job for minute in minutes for job in jobs if is_due(job[1], minute)]
        for jobid, _, command, database, username in runs:
            self._run(jobid, command, database, username)
        return len(runs)

    def _run(self, jobid: int, command: str, database: str, username: str) -> None:
        own = self._connection.open()
        (started,) = own.execute("SELECT clock_timestamp()").fetchone() or (None,)
        try:
            with psycopg.connect(self._dsn(username, database)) as connection:
                status, message = "succeeded", connection.execute(command).statusmessage
        except psycopg.Error as error:
            status, message = "failed", str(error)
        own.execute(_DONE, (jobid, database, username, command, status, message, started))
