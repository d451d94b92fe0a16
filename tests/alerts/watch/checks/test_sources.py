"""The collector of each signal, compared with the collectors themselves, and which values are reliable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.checks import sources
from alerts.watch.model.tick import Cause, CollectorProblem
from exporter.config.settings import Config, DatabaseSettings
from exporter.core.errors import Reason
from exporter.core.types import Secret
from exporter.metrics import catalogue
from exporter.metrics.readings import CollectorFailure, DatabaseServer, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget
from exporter.sampling.sampler import Sampler
from tests.alerts.watch.fixtures import policy

NOW = 1000.0


def test_metrics_belong_to_their_collectors(embedded_database):
    """Sampled for real: no metric comes from another collector than the one it is ascribed to."""
    config = Config(database=DatabaseSettings(dsn=Secret(embedded_database.dsn())))
    sampling = Sampler(config, lambda *_: None)
    sampling.sample_once()
    states = {state.name: state for state in sampling.store.states()}
    assert set(states) == set(catalogue.COLLECTORS) - {"application"}
    for name, state in states.items():
        assert state.success, state.problems
        metrics = {reading.metric for reading in state.readings}
        assert metrics - set(catalogue.COLLECTORS[catalogue.CollectorName(name)]) <= {
            catalogue.HELPFUL_INDEX_MISSING
        }, name


def test_every_signal_of_the_policy_has_its_collectors():
    """Only metrics of the exporter itself have none."""
    found = {signal.record: sources.collectors_of(signal.record, policy()) for signal in policy().signals}
    own = {"outbox:database_up", "outbox:blind_collectors", "outbox:backlog_sample_age_seconds"}
    assert {record for record, collectors in found.items() if not collectors} == own
    assert found["outbox:drain_time_seconds"] == {"backlog", "throughput"}
    assert found["outbox:attempted_jobs"] == {"last_hour", "backlog"}
    assert found["outbox:processing_time_p95_seconds"] == {"throughput"}
    assert found["outbox:fsm_failure_ratio:6h"] == {"application"}


@pytest.mark.parametrize(
    ("metric", "collector"),
    [
        ("outbox_queue_pending_jobs", "backlog"),
        ("outbox_queue_oldest_pending_timestamp_seconds", "backlog"),
        ("outbox_queue_last_hour_processed_jobs", "last_hour"),
        ("outbox_queue_processed_jobs_total", "throughput"),
        ("outbox_processing_time_seconds_bucket", "throughput"),
        ("outbox_app_up", "application"),
    ],
)
def test_coverage_of_a_check_depends_on_the_collector_of_its_metric(metric, collector):
    """Metrics by queue and the series of a histogram included."""
    assert sources.collectors_of(f"sum({metric}) > 0", policy()) == {collector}


def test_ages_are_those_of_the_policy():
    """The values computed here equal those of the policy: our time less the earliest of these series."""
    exprs = {signal.record: signal.expr for signal in policy().signals}
    sampled = catalogue.COLLECTOR_LAST_SUCCESS.name
    for record, series in sources.AGES.items():
        found = set(sources._NAME.findall(exprs[record]))
        assert {metric.name for metric, _ in series} == found - {sampled}
        assert "time() - " in exprs[record] or sampled in found
        # Of the vacuum horizon there is one holder at a time, whose kind the signal keeps.
        assert (" min without " in exprs[record]) is (record != "outbox:vacuum_horizon_held_seconds")
    by_clock = {record for record, expr in exprs.items() if "time()" in expr or f"{sampled}{{" in expr}
    assert by_clock == {*sources.AGES, sources.SAMPLE_AGE}


def state(**more: object) -> CollectorState:
    fresh = CollectorState(
        "backlog", CollectorTarget.DATABASE, 15, runs=3, success=True, expires=NOW + 1, succeeded=NOW - 4
    )
    return replace(fresh, **more)  # type: ignore[arg-type] # fields by name


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"runs": 0, "success": None, "expires": None}, [(Cause.STARTING, True)]),
        # Rows that were not read at this tick are not seen at this tick.
        ({"success": False, "problems": (CollectorFailure(Reason.LOCK, "x"),)}, [(Cause.LOCK, True)]),
        ({"success": False, "problems": (CollectorFailure(Reason.CONNECTION, "x"),)}, [(Cause.UNREACHABLE, True)]),
        (
            {"success": False, "problems": (CollectorFailure(Reason.AUTHENTICATION, "x"),)},
            [(Cause.LOGIN_REFUSED, True)],
        ),
        ({"success": False, "problems": (CollectorFailure(Reason.RLS, "x"),)}, [(Cause.NOT_VISIBLE, True)]),
        ({"success": False, "problems": (CollectorFailure(Reason.PERMISSION, "x"),)}, [(Cause.NOT_VISIBLE, True)]),
        ({"success": False, "problems": (CollectorFailure(Reason.SCHEMA, "x"),)}, [(Cause.SCHEMA, True)]),
        ({"success": False, "problems": (CollectorFailure(Reason.INTERNAL, "x"),)}, [(Cause.INTERNAL, True)]),
        # It runs, and does not end.
        ({"expires": NOW - 1}, [(Cause.TIMEOUT, True)]),
        # Other collectors have found that the database does not answer; this one is not due yet.
        ({"outage_limit": NOW - 1}, [(Cause.UNREACHABLE, True)]),
        ({"outage_limit": NOW + 1}, []),
        # A published value of the catalogue is reliable.
        (
            {"target": CollectorTarget.CATALOGUE, "success": False, "problems": (CollectorFailure(Reason.LOCK, "x"),)},
            [(Cause.LOCK, False)],
        ),
        (
            {"target": CollectorTarget.CATALOGUE, "success": False, "expires": NOW - 1, "problems": ()},
            [(Cause.INTERNAL, True)],
        ),
        # Values of a standby prove nothing, fresh or not.
        ({"server": DatabaseServer(in_recovery=False)}, []),
        ({"server": DatabaseServer(in_recovery=True, lag=0.1)}, [(Cause.STANDBY, True)]),
        (
            {
                "server": DatabaseServer(in_recovery=True),
                "success": False,
                "problems": (CollectorFailure(Reason.STALE, "x"),),
            },
            [(Cause.STANDBY, True)],
        ),
        (
            {
                "server": DatabaseServer(in_recovery=True, lag=0.1),
                "target": CollectorTarget.CATALOGUE,
                "success": False,
                "problems": (CollectorFailure(Reason.CONNECTION, "x"),),
            },
            [(Cause.UNREACHABLE, True)],
        ),
        # One endpoint of four may be there.
        (
            {
                "target": CollectorTarget.APPLICATION,
                "success": False,
                "problems": (CollectorFailure(Reason.HTTP, "x"),),
            },
            [(Cause.APPLICATION, False)],
        ),
    ],
)
def test_problems_of_collectors(more, expected):
    """By how the last tick went, and how old it is."""
    found = sources.problems_of([state(**more)], NOW)
    assert found == tuple(CollectorProblem("backlog", cause, stale) for cause, stale in expected)


def test_series_as_they_are_kept():
    """By labels, or summed over all of them; expired values are absent."""
    readings = (
        Reading(catalogue.PENDING_JOBS, 7, ("waiting",)),
        Reading(catalogue.APP_FALLBACK_ACTIVATIONS, 2, ("2",)),
        Reading(catalogue.APP_FALLBACK_ACTIVATIONS, 3, ("3",)),
        Reading(catalogue.QUEUE_PENDING_JOBS, 9, ("q",)),
    )
    assert sources.series_of([state(readings=readings)], NOW) == {
        'outbox_pending_jobs{state="waiting"}': 7,
        "outbox_app_fallback_activations_total": 5,
    }
    assert sources.series_of([state(readings=readings, expires=NOW - 1)], NOW) == {}


def test_ages_by_both_clocks():
    """The oldest of several, by the wall clock; the age of the sample by the monotonic clock."""
    readings = (
        Reading(catalogue.OLDEST_PENDING, 90, ("waiting",)),
        Reading(catalogue.OLDEST_PENDING, 50, ("exhausted",)),
    )
    found = sources.ages_of([state(readings=readings, succeeded_at=100.0)], NOW)
    assert found["outbox:oldest_open_age_seconds"] == 10
    assert found["outbox:oldest_pending_age_seconds"] == 50
    assert "outbox:expired_key_age_seconds" not in found
    assert sources.ages_of([state(readings=readings, succeeded_at=100.0, expires=NOW - 1)], NOW) == {}
    assert sources.sample_age_of([state()], NOW) == {"outbox:backlog_sample_age_seconds": 4}
    assert sources.sample_age_of([state(succeeded=None)], NOW) == {}
