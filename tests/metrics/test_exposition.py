"""The exact text of /metrics."""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import monotonic

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.core.errors import DATABASE_REASONS, Reason
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind
from exporter.metrics.exposition import CollectorReadings, OutboxCollector, families, fresh_readings
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import (
    CollectorFailure,
    CollectorOutcome,
    CollectorRun,
    DatabaseServer,
    Distribution,
    Reading,
)
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore
from tests.newest import either

BACKLOG = CollectorState("backlog", CollectorTarget.DATABASE, interval=15)
APPLICATION = CollectorState("application", CollectorTarget.APPLICATION, interval=15)


class Texts(CollectorRegistry):
    """A registry with readings of our choice."""

    def __init__(self, *readings: Reading | Distribution) -> None:
        super().__init__()
        self._readings = readings

    def collect(self):
        return families(self._readings)


# Untyped in the client library.
parse_openmetrics: Callable[[str], Iterator[Metric]] = text_string_to_metric_families
openmetrics_page: Callable[[CollectorRegistry], bytes] = openmetrics.generate_latest


def text(*readings: Reading | Distribution) -> str:
    return generate_latest(Texts(*readings)).decode()


def registry_of(store: SnapshotStore, labels: dict[str, LabelLimit] | None = None) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(OutboxCollector(lambda: store, "0.1.0", lambda: labels or {}, lambda: True))
    return registry


def one_of_each() -> list[Reading | Distribution]:
    """A reading of every metric in the catalogue."""
    return [
        Distribution(metric, catalogue.PROCESSING_TIME_BUCKETS, (1,) * 16, 12.5, metric.labels)
        if metric.kind is Kind.HISTOGRAM
        else Reading(metric, 1, tuple(f"{label} value" for label in metric.labels))
        for metric in catalogue.CATALOGUE
    ]


def test_every_metric_of_the_catalogue_has_a_name_of_its_own():
    """Neither names nor families collide, and each follows the naming rules of its kind."""
    assert max(Counter(metric.name for metric in catalogue.CATALOGUE).values()) == 1
    assert max(Counter(metric.family for metric in catalogue.CATALOGUE).values()) == 1
    for metric in catalogue.CATALOGUE:
        assert re.fullmatch(r"outbox_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert metric.help.endswith(".")


def test_samples_equal_those_of_a_scrape():
    """Read off the readings, they are those of the page: names, labels and values of every kind of metric."""
    store = SnapshotStore([BACKLOG])
    store.record(CollectorRun("backlog", CollectorOutcome(tuple(one_of_each())), 1e9, monotonic(), 0.01), 15)
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    scraped = [each for family in outbox.collect() for each in family.samples]
    assert len(scraped) > len(one_of_each())
    assert sorted((name, sorted(labels), value) for name, labels, value in outbox.samples()) == sorted(
        (each.name, sorted(each.labels.items()), each.value) for each in scraped
    )


def test_unneeded_samples_are_left_out():
    """Those that are wanted are all there, as they are without asking."""
    store = SnapshotStore([BACKLOG])
    store.record(CollectorRun("backlog", CollectorOutcome(tuple(one_of_each())), 1e9, monotonic(), 0.01), 15)
    outbox = OutboxCollector(lambda: store, "0.1.0", dict, lambda: True)
    wanted = {catalogue.COLLECTOR_SUCCESS.name, f"{catalogue.PROCESSING_TIME.name}_bucket"}
    every, some = list(outbox.samples()), list(outbox.samples(wanted.__contains__))
    assert [each for each in some if each[0] in wanted] == [each for each in every if each[0] in wanted]
    assert {each[0] for each in some} > wanted
    assert len(some) < len(every)


def test_the_exact_text_of_a_small_snapshot():
    """Gauges, counters and a histogram; order of the catalogue; cumulative buckets; escaped labels."""
    bounds = (0.1, 1, 30)
    assert text(
        Reading(catalogue.EVENTS, 7, ("API",)),
        Distribution(catalogue.PROCESSING_TIME, bounds, (1, 0, 2, 3), 1234.5),
        Reading(catalogue.PENDING_JOBS, 5, ("waiting",)),
        Reading(catalogue.PENDING_JOBS, 0, ("failing",)),
        Reading(catalogue.QUEUE_PENDING_JOBS, 5, ('a "b"\\\n',)),
        Reading(catalogue.PENDING_TRUNCATED, False),
        Reading(catalogue.OLDEST_PENDING, 1763000000.123456, ("waiting",)),
    ) == (
        "# HELP outbox_pending_jobs Pending jobs by state: waiting (no attempt yet), failing (attempted), exhausted "
        "(attempts used up). The sum is the backlog.\n"
        "# TYPE outbox_pending_jobs gauge\n"
        'outbox_pending_jobs{state="waiting"} 5.0\n'
        'outbox_pending_jobs{state="failing"} 0.0\n'
        "# HELP outbox_oldest_pending_timestamp_seconds Creation time of the oldest pending job in this state; "
        "absent when there is none.\n"
        "# TYPE outbox_oldest_pending_timestamp_seconds gauge\n"
        'outbox_oldest_pending_timestamp_seconds{state="waiting"} 1.763000000123456e+09\n'
        "# HELP outbox_pending_jobs_truncated 1 when counting pending jobs stopped at sampling.count_limit, so that "
        "the backlog is at least that.\n"
        "# TYPE outbox_pending_jobs_truncated gauge\n"
        "outbox_pending_jobs_truncated 0.0\n"
        "# HELP outbox_queue_pending_jobs Pending jobs by queue, a breakdown of the backlog.\n"
        "# TYPE outbox_queue_pending_jobs gauge\n"
        'outbox_queue_pending_jobs{queue="a \\"b\\"\\\\\\n"} 5.0\n'
        "# HELP outbox_processing_time_seconds Processing time (creation to processed) of the jobs in "
        "outbox_processed_jobs_total. Negative times count as 0; jobs with an invalid created_at are left out.\n"
        "# TYPE outbox_processing_time_seconds histogram\n"
        'outbox_processing_time_seconds_bucket{le="0.1"} 1.0\n'
        'outbox_processing_time_seconds_bucket{le="1.0"} 1.0\n'
        'outbox_processing_time_seconds_bucket{le="30.0"} 3.0\n'
        'outbox_processing_time_seconds_bucket{le="+Inf"} 6.0\n'
        "outbox_processing_time_seconds_count 6.0\n"
        "outbox_processing_time_seconds_sum 1234.5\n"
        "# HELP outbox_fsm_events_total FSM events since the exporter started, by source.\n"
        "# TYPE outbox_fsm_events_total counter\n"
        'outbox_fsm_events_total{source="API"} 7.0\n'
    )


def test_timestamps_lose_nothing_on_the_page():
    """A microsecond of 2025 survives the way through text."""
    (line,) = [
        line for line in text(Reading(catalogue.OLDEST_PROCESSED, 1763000000.000001)).splitlines() if line[0] != "#"
    ]
    assert float(line.split()[1]) == 1763000000.000001


def test_a_family_without_readings_is_not_there():
    """Unknown is not zero, and not an empty heading either."""
    assert text() == ""


def test_registering_collects_nothing():
    """The catalogue describes the families; the snapshot is first read by a scrape."""
    asked: list[str] = []

    def store() -> SnapshotStore:
        asked.append("snapshot")
        return SnapshotStore()

    registry = CollectorRegistry()
    registry.register(OutboxCollector(store, "0.1.0", dict, lambda: True))
    assert asked == []
    generate_latest(registry)
    assert asked == ["snapshot"]


def test_two_exporters_do_not_fit_into_one_registry():
    """The description names every family, so a clash is found when registering."""
    registry = registry_of(SnapshotStore())
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(OutboxCollector(SnapshotStore, "0.1.0", dict, lambda: True))


def test_the_description_is_the_catalogue():
    """Every family once, with its type and help, and without samples."""
    described = list(OutboxCollector(SnapshotStore, "0.1.0", dict, lambda: True).describe())
    assert [(family.name, family.type, family.documentation) for family in described] == [
        (metric.family, metric.kind.value, metric.help) for metric in catalogue.CATALOGUE
    ]
    assert not any(family.samples for family in described)


def test_nan_is_refused():
    """Unknown is no reading at all."""
    with pytest.raises(ValueError, match="unknown is not a number"):
        Reading(catalogue.HEAD_BLOCKED_JOBS, float("nan"))


@pytest.mark.parametrize("labels", [(), ("a", "b")])
def test_labels_must_fit_the_metric(labels):
    """The client library would drop a label silently; we do not."""
    with pytest.raises(ValueError, match=r"expected labels \('state',\)"):
        Reading(catalogue.PENDING_JOBS, 1, labels)


def test_a_distribution_must_fit():
    """One count more than bounds, and a histogram to begin with."""
    with pytest.raises(ValueError, match="counts do not fit"):
        Distribution(catalogue.PROCESSING_TIME, (1.0, 2.0), (1, 2), 3)
    with pytest.raises(ValueError, match="not a histogram"):
        Distribution(catalogue.HEAD_BLOCKED_JOBS, (1.0,), (1, 2), 3)


def test_before_the_first_sample_everything_known_in_advance_is_there():
    """A new exporter shows itself: down, nothing run, nothing failed; no time that never was."""
    readings = list(CollectorReadings()([BACKLOG], now=100))
    values = {(reading.metric.name, reading.labels): float(reading.value) for reading in readings}
    expected: dict[tuple[str, tuple[str, ...]], float] = {
        ("outbox_up", ()): 0,
        ("outbox_collector_success", ("backlog",)): 0,
        ("outbox_collector_interval_seconds", ("backlog",)): 15,
        ("outbox_collector_runs_total", ("backlog",)): 0,
        ("outbox_collector_skipped_total", ("backlog",)): 0,
        **{("outbox_collector_failures_total", ("backlog", reason.value)): 0 for reason in DATABASE_REASONS},
    }
    assert values == expected


def test_without_a_database_there_is_nothing_to_be_up():
    """`outbox_up` is about the database alone."""
    assert catalogue.UP not in {reading.metric for reading in CollectorReadings()([APPLICATION], now=0)}


def test_expired_readings_vanish_and_their_collector_does_not():
    """Readings vanish after their life; freshness, counts and the last success stay."""
    run = CollectorRun(
        "backlog", CollectorOutcome((Reading(catalogue.HEAD_BLOCKED_JOBS, 3),)), 1_763_000_000, 100, 0.25
    )
    state = BACKLOG.after(run, 15)
    assert list(fresh_readings([state], 145)) == [Reading(catalogue.HEAD_BLOCKED_JOBS, 3)]
    assert list(fresh_readings([state], 145.1)) == []
    values = {reading.metric: reading.value for reading in CollectorReadings()([state], 145.1)}
    assert values[catalogue.UP] == 0
    assert values[catalogue.COLLECTOR_LAST_SUCCESS] == 1_763_000_000
    assert values[catalogue.COLLECTOR_DURATION] == 0.25


def test_a_failure_is_a_sample():
    """Counted under its reason, beside zeros for the others."""
    state = BACKLOG.after(
        CollectorRun(
            "backlog", CollectorOutcome(failures=(CollectorFailure(Reason.RLS, "m"),)), 1_763_000_000, 100, 0.01
        ),
        15,
    )
    page = text(*CollectorReadings()([state], 101))
    assert 'outbox_collector_failures_total{collector="backlog",reason="rls"} 1.0\n' in page
    assert 'outbox_collector_failures_total{collector="backlog",reason="lock"} 0.0\n' in page
    assert 'outbox_collector_success{collector="backlog"} 0.0\n' in page


def test_a_scrape_shows_the_snapshot_of_this_moment():
    """Fresh readings, the collectors' own state, dropped labels, build and reload."""
    labels = LabelLimit(1)
    labels.sum([("a", 1), ("b", 1)])
    now = time.monotonic()
    store = SnapshotStore([BACKLOG])
    store.record(
        CollectorRun("backlog", CollectorOutcome((Reading(catalogue.HEAD_BLOCKED_JOBS, 3),)), time.time(), now, 0.01),
        15,
    )
    page = generate_latest(registry_of(store, {"queue": labels})).decode()
    assert "outbox_head_blocked_jobs 3.0\n" in page
    assert "outbox_up 1.0\n" in page
    assert 'outbox_label_values_dropped_total{label="queue"} 1.0\n' in page
    assert re.search(r'outbox_exporter_build_info\{python="3\.\d+\.\d+\S*",version="0\.1\.0"\} 1\.0\n', page)
    assert "outbox_exporter_config_last_reload_successful 1.0\n" in page


def test_an_expired_snapshot_shows_no_data():
    """An hour after the last sample /metrics still answers, and no old number is on it."""
    store = SnapshotStore([BACKLOG])
    run = CollectorRun(
        "backlog",
        CollectorOutcome((Reading(catalogue.HEAD_BLOCKED_JOBS, 3),)),
        time.time(),
        time.monotonic() - 3600,
        0.01,
    )
    store.record(run, 15)
    page = generate_latest(registry_of(store)).decode()
    assert "outbox_head_blocked_jobs" not in page
    assert "outbox_up 0.0\n" in page


def test_openmetrics_parses():
    """The whole catalogue goes through the client library's own strict parser and comes back."""
    page = openmetrics_page(Texts(*one_of_each())).decode()
    parsed = {family.name: family for family in parse_openmetrics(page)}
    assert set(parsed) == {metric.family for metric in catalogue.CATALOGUE}


@either
def test_promtool_finds_no_problem(require):
    """The whole catalogue is linted in silence."""
    command = [str(require("promtool")), "check", "metrics"]
    done = subprocess.run(command, input=text(*one_of_each()), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (None, []),
        (DatabaseServer(in_recovery=False), ["outbox_server_in_recovery 0.0"]),
        (DatabaseServer(in_recovery=True), ["outbox_server_in_recovery 1.0"]),
        (
            DatabaseServer(in_recovery=True, lag=2.5),
            ["outbox_server_in_recovery 1.0", "outbox_server_replay_lag_seconds 2.5"],
        ),
    ],
)
def test_which_server_answers(server, expected):
    """Absent without a server; the lag only where one is proved, also of a standby that is not sampled."""
    store = SnapshotStore([BACKLOG])
    outcome = CollectorOutcome(failures=(CollectorFailure(Reason.STALE, "x"),), server=server)
    store.record(CollectorRun("backlog", outcome, time.time(), monotonic(), 0.01), 15)
    lines = generate_latest(registry_of(store)).decode().splitlines()
    assert [line for line in lines if line.startswith("outbox_server_")] == expected
    assert "outbox_up 0.0" in lines
    assert 'outbox_collector_failures_total{collector="backlog",reason="stale"} 1.0' in lines


def test_readings_about_a_collector_follow_its_state():
    """They are kept while the state is the same, and never longer."""
    collectors = CollectorReadings()

    def runs(state: CollectorState) -> float:
        return next(each.value for each in collectors([state], 100.0) if each.metric is catalogue.COLLECTOR_RUNS)

    first = replace(BACKLOG, runs=1)
    second = replace(BACKLOG, runs=2)
    assert [runs(state) for state in (first, first, second, first)] == [1, 1, 2, 1]
