"""Hours in short: medians of what is known well enough, and whether the hour was an ordinary one."""

from __future__ import annotations

from dataclasses import replace

from alerts.watch.analysis.hours import summaries, value_of
from alerts.watch.checks.checks import resolve
from alerts.watch.model.check import Check
from alerts.watch.model.hour import HourSummary
from alerts.watch.model.tick import Cause, Tick
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import HOUR, START, collector_unknown, during, lacking, showing

CHECKS: dict[str, Check] = {
    check.name: check for check in resolve(fixtures.factory().parameters) if check.baseline_limit is not None
}
FIRST = int(START // HOUR)


def hours(ticks: list[Tick]) -> dict[int, HourSummary]:
    """The hours by their number, counted from the first one."""
    return {number - FIRST: each for number, each in summaries(ticks, list(CHECKS.values()))}


def test_the_medians_of_an_hour():
    """Of each compared signal; a burst of a few minutes does not matter."""
    history = during(fixtures.ticks(3 * HOUR), 0, 10 * 60, showing(processing_time_p95_seconds=500.0))
    found = hours(history)
    assert (
        found[0]
        == found[1]
        == HourSummary(
            {"processing_time_before": 2.5, "oldest_job_before": 2.0, "failing_jobs_before": 0.001}, usable=True
        )
    )


def test_less_than_half_an_hour_is_too_little():
    """Whether ticks are missing or a value is."""
    history = during(fixtures.ticks(2 * HOUR), 0, 31 * 60, lacking("outbox:failure_ratio"))
    assert "failing_jobs_before" not in hours(history)[0].values
    assert "failing_jobs_before" in hours(history)[1].values
    assert hours(fixtures.ticks(1700.0))[0].values == {}


def test_maintenance_and_pages_make_an_hour_unusable():
    """One tick is enough; a ticket is not."""
    ticks = fixtures.ticks(4 * HOUR)
    ticks = during(ticks, 1800, 1860, lambda each: replace(each, maintenance=True))
    ticks = during(ticks, HOUR + 1800, HOUR + 1860, lambda each: replace(each, held=("OutboxStalled/page",)))
    ticks = during(
        ticks, 2 * HOUR + 1800, 2 * HOUR + 1860, lambda each: replace(each, firing=("OutboxStalled/ticket",))
    )
    assert [hours(ticks)[number].usable for number in range(3)] == [False, False, True]


def test_an_idle_hour():
    """No open job is an age of 0; without jobs there is neither a processing time nor a share of failing ones."""
    idle = showing(attempted_jobs=0)(lacking("outbox:oldest_open_age_seconds")(fixtures.tick(60)))
    found = {name: value_of(check, idle) for name, check in CHECKS.items()}
    assert found == {"processing_time_before": None, "oldest_job_before": 0.0, "failing_jobs_before": None}
    unknown = collector_unknown("backlog", Cause.LOCK)(fixtures.tick(60))
    assert value_of(CHECKS["oldest_job_before"], unknown) is None
