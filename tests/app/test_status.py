"""The status document: five signals from fresh readings, None where unknown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from exporter.app.status import ExporterInfo, collector_status, signals, status
from exporter.core.errors import Reason
from exporter.metrics import catalogue
from exporter.metrics.readings import (
    CollectorFailure,
    CollectorNotice,
    CollectorOutcome,
    CollectorRun,
    DatabaseServer,
    Reading,
    Readings,
)
from exporter.metrics.snapshot import CollectorState, CollectorTarget

# The monotonic clock and the wall clock at the time of asking.
NOW, UNIX_NOW = 1_000.0, 1_763_460_000.0
ABOUT = ExporterInfo("0.1.0", "localhost:5432/postgres", reloaded=True)

BACKLOG: Readings = (
    Reading(catalogue.PENDING_JOBS, 3, ("waiting",)),
    Reading(catalogue.PENDING_JOBS, 2, ("failing",)),
    Reading(catalogue.PENDING_JOBS, 0, ("exhausted",)),
    Reading(catalogue.OLDEST_PENDING, UNIX_NOW - 10, ("waiting",)),
    Reading(catalogue.OLDEST_PENDING, UNIX_NOW - 300, ("failing",)),
)
LAST_HOUR: Readings = (
    Reading(catalogue.LAST_HOUR_PROCESSING_TIME, 1.5, ("created",)),
    Reading(catalogue.LAST_HOUR_PROCESSING_TIME, 99.0, ("processed",)),
    Reading(catalogue.LAST_HOUR_FAILURE_RATIO, 0.25),
)
EVENTS: Readings = tuple(
    Reading(catalogue.LAST_HOUR_EVENTS, value, (source,)) for source, value in (("API", 7), ("QUEUE", 0), ("WORKER", 2))
)
KEYS: Readings = (
    Reading(catalogue.IDEMPOTENCY_KEYS, 40, ("live",)),
    Reading(catalogue.IDEMPOTENCY_KEYS, 2, ("expired",)),
)
UNKNOWN = dict.fromkeys(
    (
        "backlog",
        "oldest_pending_age_seconds",
        "processing_time_avg_seconds",
        "events_last_hour",
        "idempotency_keys",
        "failure_ratio",
    )
)


def sampled(readings: Readings, name: str = "backlog", finished: float = NOW - 5) -> CollectorState:
    """A collector that brought these, five seconds ago."""
    run = CollectorRun(name, CollectorOutcome(readings), UNIX_NOW - 5, finished, 0.25)
    return CollectorState(name, CollectorTarget.DATABASE, 15.0).after(run, 15.0)


def test_the_five_signals():
    """Sums over states, the age of the oldest of any, the documented mean, events by source, the ratio."""
    states = [
        sampled(BACKLOG),
        sampled(LAST_HOUR, "last_hour"),
        sampled(EVENTS, "events"),
        sampled(KEYS, "idempotency"),
    ]
    assert signals(states, NOW, UNIX_NOW) == {
        "backlog": 5,
        "oldest_pending_age_seconds": 300,
        "processing_time_avg_seconds": 1.5,
        "events_last_hour": {"API": 7, "QUEUE": 0, "WORKER": 2},
        "idempotency_keys": 42,
        "failure_ratio": 0.25,
    }


def test_before_the_first_sample_nothing_is_known():
    """All keys are there, and None."""
    assert signals([CollectorState("backlog", CollectorTarget.DATABASE, 15.0)], NOW, UNIX_NOW) == UNKNOWN
    assert signals([], NOW, UNIX_NOW) == UNKNOWN


def test_expired_values_are_unknown():
    """Three intervals and a moment later the number is gone, not zero."""
    state = sampled(BACKLOG, finished=NOW - 45)
    assert signals([state], NOW, UNIX_NOW)["backlog"] == 5
    assert signals([state], NOW + 0.001, UNIX_NOW) == UNKNOWN


def test_an_empty_outbox_has_a_backlog_of_zero_and_no_age():
    """Zero is known; there is no oldest of none."""
    empty = sampled(tuple(Reading(catalogue.PENDING_JOBS, 0, (state,)) for state in catalogue.STATES))
    found = signals([empty], NOW, UNIX_NOW)
    assert found["backlog"] == 0
    assert found["oldest_pending_age_seconds"] is None


def test_a_clock_that_is_behind_shows_no_negative_age():
    """The job's time is that of the database, the age is that of our clock."""
    future = sampled((Reading(catalogue.OLDEST_PENDING, UNIX_NOW + 3, ("waiting",)),))
    assert signals([future], NOW, UNIX_NOW)["oldest_pending_age_seconds"] == 0


def test_uncounted_jobs_are_reported_by_kind():
    """Not known is none at all, and not 0."""
    counted = (
        Reading(catalogue.UNACCOUNTED_JOBS, 3, ("removed",)),
        Reading(catalogue.UNACCOUNTED_JOBS, 0, ("uncounted",)),
    )
    assert status(ABOUT, [sampled(counted)], NOW, UNIX_NOW)["unaccounted"] == {"removed": 3, "uncounted": 0}
    assert status(ABOUT, [sampled(BACKLOG)], NOW, UNIX_NOW)["unaccounted"] is None


def test_notices_of_collectors_are_shown_while_their_readings_are():
    """With what they are about."""
    noticing = CollectorOutcome(BACKLOG, notices=(CollectorNotice("job_outbox", "dead rows stay"),))
    state = CollectorState("tables", CollectorTarget.CATALOGUE, 15.0).after(
        CollectorRun("tables", noticing, UNIX_NOW, NOW, 0.01), 15.0
    )
    assert status(ABOUT, [state], NOW, UNIX_NOW)["notices"] == [{"name": "job_outbox", "text": "dead rows stay"}]
    assert status(ABOUT, [state], NOW + 46, UNIX_NOW)["notices"] == []


def test_the_reasons_of_unknown_values_are_shown_while_they_are_fresh():
    outcome = CollectorOutcome(BACKLOG, unknown={catalogue.LAST_HOUR_FAILURE_RATIO: "rows were deleted"})
    state = CollectorState("last_hour", CollectorTarget.DATABASE, 15.0).after(
        CollectorRun("last_hour", outcome, UNIX_NOW, NOW, 0.01), 15.0
    )
    found = status(ABOUT, [state], NOW, UNIX_NOW)["unknown_now"]
    assert found == {"outbox_last_hour_failure_ratio": "rows were deleted"}
    assert status(ABOUT, [state], NOW + 46, UNIX_NOW)["unknown_now"] == {}


def test_a_failing_collector():
    """The last failure, the number of failures by reason, and the last success."""
    failed = CollectorOutcome(failures=(CollectorFailure(Reason.LOCK, "job_outbox is locked"),))
    state = sampled(BACKLOG).after(CollectorRun("backlog", failed, UNIX_NOW, NOW, 0.5), 15.0)
    assert collector_status(state, NOW) == {
        "name": "backlog",
        "success": False,
        "last_success": UNIX_NOW - 5,
        "duration_seconds": 0.5,
        "interval_seconds": 15.0,
        "fresh": True,
        "runs": 2,
        "skipped": 0,
        "failures": {"lock": 1},
        "problems": ["job_outbox is locked"],
    }


def test_the_whole_document_is_json():
    """Version, target, wall clock and reload beside the signals, and whether the database is up."""
    document = status(
        ABOUT, iter([sampled(BACKLOG), CollectorState("events", CollectorTarget.DATABASE, 15.0)]), NOW, UNIX_NOW
    )
    assert json.loads(json.dumps(document)) == document
    assert document["up"] is True
    assert (document["version"], document["database"], document["now"]) == ("0.1.0", ABOUT.database, UNIX_NOW)
    assert [collector["name"] for collector in document["collectors"]] == ["backlog", "events"]
    assert document["config_reload_successful"] is True
    assert (document["started"], document["last_scrape"]) == (None, None)
    served = replace(ABOUT, started=UNIX_NOW - 60, last_scrape=UNIX_NOW - 5)
    document = status(served, [], NOW, UNIX_NOW)
    assert (document["started"], document["last_scrape"]) == (UNIX_NOW - 60, UNIX_NOW - 5)


@pytest.mark.parametrize(
    "states", [[], [CollectorState("backlog", CollectorTarget.DATABASE, 15.0)]], ids=["none", "no run"]
)
def test_nothing_sampled_is_not_up(states):
    """Up is proved, never assumed."""
    assert status(ABOUT, states, NOW, UNIX_NOW)["up"] is False


def test_maintenance_is_reported_until_it_is_ended():
    """The declared end while there is one, None otherwise."""
    state = CollectorState("maintenance", CollectorTarget.STATE_FILE, 15)
    declared = CollectorOutcome(
        (Reading(catalogue.MAINTENANCE_ACTIVE, 1), Reading(catalogue.MAINTENANCE_DECLARED_END, UNIX_NOW + 60))
    )
    seen = state.after(CollectorRun("maintenance", declared, UNIX_NOW, NOW, 0.001), 15)
    assert status(ABOUT, [seen], NOW, UNIX_NOW)["maintenance_until"] == UNIX_NOW + 60
    assert status(ABOUT, [state], NOW, UNIX_NOW)["maintenance_until"] is None


def application(*readings: Reading) -> CollectorState:
    state = CollectorState("application", CollectorTarget.APPLICATION, 15)
    return state.after(CollectorRun("application", CollectorOutcome(readings), UNIX_NOW, NOW, 0.01), 15)


def test_what_the_application_says_of_itself():
    """Its health, endpoints and checks; None without an application, and unknown while nothing is fresh."""
    found = application(
        Reading(catalogue.APP_UP, 1, ("getFSM",)),
        Reading(catalogue.APP_UP, 0, ("getOutbox",)),
        Reading(catalogue.APP_HEALTHY, 0),
        Reading(catalogue.APP_CHECK, 1, ("outbox_alive",)),
    )
    assert status(ABOUT, [sampled(BACKLOG), found], NOW, UNIX_NOW)["application"] == {
        "healthy": False,
        "endpoints": {"getFSM": True, "getOutbox": False},
        "checks": {"outbox_alive": True},
    }
    assert status(ABOUT, [application()], NOW, UNIX_NOW)["application"] == {
        "healthy": None,
        "endpoints": {},
        "checks": {},
    }
    assert status(ABOUT, [sampled(BACKLOG)], NOW, UNIX_NOW)["application"] is None


def test_the_checks_of_the_migration_have_an_age():
    """The time of the last success of their collector."""
    readings = (
        Reading(catalogue.MIGRATION_CHECKS, 1, ("ok",)),
        Reading(catalogue.MIGRATION_CHECKS, 2, ("unknown",)),
        Reading(catalogue.MIGRATION_CHECK_OK, 0, ("rls",)),
    )
    assert status(ABOUT, [sampled(readings, "migration")], NOW, UNIX_NOW)["migration"] == {
        "checked_at": UNIX_NOW - 5,
        "ok": 1,
        "unknown": 2,
        "broken": ["rls"],
        "unseen": ["register", "cron"],
    }


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (None, None),
        (
            DatabaseServer(in_recovery=False, address="h:1"),
            {"role": "primary", "address": "h:1", "replay_lag_seconds": None},
        ),
        (DatabaseServer(in_recovery=True, lag=2.5), {"role": "standby", "address": None, "replay_lag_seconds": 2.5}),
    ],
)
def test_which_server_answers(server, expected):
    """Primary or standby, with its lag; None without a server."""
    run = CollectorRun("backlog", CollectorOutcome(BACKLOG, server=server), UNIX_NOW - 5, NOW - 5, 0.25)
    state = CollectorState("backlog", CollectorTarget.DATABASE, 15.0).after(run, 15.0)
    assert status(ABOUT, [state], NOW, UNIX_NOW)["server"] == expected


def test_exhausted_jobs_that_are_not_attempted_are_no_backlog():
    """Nor the oldest job; scheduled and running jobs have numbers of their own."""
    readings = (
        Reading(catalogue.PENDING_JOBS, 3.0, ("waiting",)),
        Reading(catalogue.PENDING_JOBS, 500.0, ("exhausted",)),
        Reading(catalogue.OLDEST_PENDING, UNIX_NOW - 20, ("waiting",)),
        Reading(catalogue.OLDEST_PENDING, UNIX_NOW - 9000, ("exhausted",)),
        Reading(catalogue.SCHEDULED_JOBS, 4.0),
        Reading(catalogue.RUNNING_JOBS, 2.0),
    )
    states = [sampled(readings)]
    for apart, backlog, age in ((True, 3.0, 20.0), (False, 503.0, 9000.0)):
        found = status(ExporterInfo("1", "db", reloaded=True, exhausted_apart=apart), states, NOW, UNIX_NOW)
        assert (found["signals"]["backlog"], found["signals"]["oldest_pending_age_seconds"]) == (backlog, age)
        assert (found["scheduled"], found["running"]) == (4.0, 2.0)
