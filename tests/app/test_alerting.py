"""The watch in metrics and pages: its real state, or nothing."""

from dataclasses import replace

import pytest

from alerts.watch.clock import WatchTime
from alerts.watch.model.change import Change, ChangeKind
from alerts.watch.model.result import Standing
from alerts.watch.model.watch import WatchState
from alerts.watch.runtime.recorder import WatchView
from alerts.watch.runtime.watch_manager import WatchFactory
from alerts.watch.store.history import History
from exporter.app.alerting import (
    Alerting,
    SampleSource,
    check_parameters,
    may_be_open,
    recent_changes,
    trends,
    watch_readings,
    watch_status,
)
from exporter.app.status import FiveSignals
from exporter.config.settings import CheckCondition, CheckDefinition, Config, WatchCheck, WatchSettings
from exporter.metrics import catalogue
from tests.alerts.evaluation.test_rule_manager import Outbox, manager_of
from tests.alerts.faulty import poisoned
from tests.alerts.watch.report import samples

REPORT = samples.report()
WATCH = replace(REPORT.watch, state=WatchState.RUNNING, decided_at=None)
RUNNING = WatchView(WatchState.RUNNING, WATCH, Standing.of(replace(REPORT.judgement, verdict=None, final=False)))
WAITING = WatchView(WatchState.WAITING, waiting_for="outbox-exporter watch start")


def values(view: WatchView) -> dict[tuple[str, ...], float]:
    return {(each.metric.name, *each.labels): each.value for each in watch_readings(view)}


@pytest.mark.parametrize("state", list(WatchState))
def test_exactly_one_state_is_1(state):
    """Of five series, always the same."""
    states = {key[1]: value for key, value in values(WatchView(state)).items() if key[0] == catalogue.WATCH_STATE.name}
    assert states == {each.value: float(each is state) for each in WatchState}


def test_an_unknown_state_is_not_shown():
    """While the history cannot be read there is no series and no text, rather than `waiting`."""
    assert watch_readings(WatchView(trouble="disk full")) == ()
    assert watch_status(WatchView(trouble="disk full")) is None


def test_before_the_first_watch_there_are_no_times():
    assert {key[0] for key in values(WAITING)} == {catalogue.WATCH_STATE.name}
    status = watch_status(WAITING)
    assert status
    assert (status["state"], status["ends"], status["coverage"]) == ("waiting", None, None)
    assert status["summary"] == "outbox-exporter watch start"


def test_a_running_watch_shows_its_planned_end():
    """And once it is decided, when that was."""
    assert values(RUNNING)[catalogue.WATCH_END.name,] == WATCH.ends_at
    decided = replace(RUNNING, state=WatchState.FAILED, watch=REPORT.watch, standing=Standing.of(REPORT.judgement))
    assert values(decided)[catalogue.WATCH_END.name,] == REPORT.watch.decided_at
    assert values(decided)[catalogue.WATCH_COVERAGE.name,] == REPORT.judgement.ratio
    status = watch_status(decided)
    assert status
    assert status["verdict"] == "FAIL"
    assert status["reasons"] == list(REPORT.judgement.reasons)
    assert [each["verdict"] for each in status["checks"]] == ["FAIL", "FAIL", "PASS", "INCONCLUSIVE", "FAIL", None]


def test_the_open_watch_keeps_its_expressions(tmp_path):
    """Over a restart and a reload, whatever the configuration has become; a closed watch needs none."""
    when = (CheckCondition(expr="outbox_queue_pending_jobs", comparison="above", limit="5"),)
    own = WatchCheck("imports", definition=CheckDefinition("Imports", when))
    first = Config(watch=WatchSettings(state_dir=tmp_path, checks=(own, WatchCheck("traffic", advisory=True))))
    parameters = check_parameters(first)
    watch = WatchFactory(parameters, 15.0, "1").watch(1, "manual", WatchTime(1.0, 1.0, "boot"), 0.0)
    expression = "max(outbox_queue_pending_jobs)"
    assert (watch.checks[-1].signal, watch.checks[0].advisory) == (expression, True)
    assert watch.sources[expression] == ("backlog",)
    later = Config(watch=WatchSettings(state_dir=tmp_path))
    for stored, known in ((watch, True), (replace(watch, closed_at=2.0), False)):
        with History.writer(tmp_path) as history:
            history.put(1, stored)
        policy = check_parameters(later).policy
        assert (expression in [signal.record for signal in policy.signals]) is known
        assert all(
            check.name != "imports"
            for check in WatchFactory(check_parameters(later), 15.0, "1")
            .watch(2, "manual", WatchTime(1.0, 1.0, "boot"), 0.0)
            .checks
        )


def test_a_watch_runs_until_it_is_closed():
    """A FAIL does not end the watch; an unreadable watch may be running."""
    decided = replace(WATCH, state=WatchState.FAILED, decided_at=2.0, closed_at=None)
    assert may_be_open(WatchView(trouble="disk full"))
    assert may_be_open(replace(RUNNING, watch=replace(WATCH, closed_at=None)))
    assert may_be_open(WatchView(WatchState.FAILED, decided))
    assert not may_be_open(WatchView(WatchState.FAILED, replace(decided, closed_at=3.0)))
    assert not may_be_open(WAITING)


def test_changes():
    """The latest time of each kind for /metrics, whatever came after it; the latest ten on the page, the last first."""
    changes = tuple(Change(ChangeKind.LOCK, f"lock {number}", 100.0 + number, 5.0, 10.0) for number in range(12))
    view = replace(WAITING, changes=(Change(ChangeKind.FAILOVER, "x", 50.0, 1.0, 2.0), *changes))
    found = {key[1]: value for key, value in values(view).items() if key[0] == "outbox_change_timestamp_seconds"}
    assert found == {"failover": 50, "lock": 111}
    recent = recent_changes(view)
    assert [each["text"] for each in recent] == [f"lock {number}" for number in range(11, 1, -1)]
    assert recent[0] == {"kind": "lock", "text": "lock 11", "earliest": 106.0, "latest": 111.0}


def test_an_alert_says_when_it_fires_and_what_mutes_it(tmp_path):
    """The for-duration of its rule, and the alert that mutes it."""
    config = Config(watch=WatchSettings(state_dir=tmp_path))
    alerting = Alerting(config, SampleSource(lambda _: (), lambda: ()), 0.0, "0.1.0")
    alerting.rule_manager = manager_of(Outbox(poisoned), tmp_path)
    assert alerting.status()["alerts"] is None
    for _ in range(60):
        alerting.rule_manager.evaluate()
    alerts = {(each["alert"], each["severity"]): each for each in alerting.status()["alerts"] or ()}
    stalled, head = alerts["OutboxStalled", "page"], alerts["OutboxHeadBlocked", "page"]
    assert (stalled["state"], stalled["muted"], stalled["muted_by"]) == ("firing", True, "OutboxHeadBlocked")
    assert (head["muted"], head["muted_by"], head["hold_seconds"]) == (False, None, 60)


def test_trends_keep_the_unknown():
    """A signal that was unknown at a moment has no value there; one look alone is no trend."""
    one: FiveSignals = {
        "backlog": 3.0,
        "oldest_pending_age_seconds": None,
        "processing_time_avg_seconds": None,
        "events_last_hour": {"API": 2.0, "QUEUE": 0.0},
        "idempotency_keys": 7.0,
        "failure_ratio": 0.0,
    }
    partly_unknown: FiveSignals = {**one, "backlog": None, "events_last_hour": None}
    assert trends([(1.0, one)]) == {}
    drawn = trends([(1.0, one), (2.0, partly_unknown)])
    assert drawn["backlog"] == [(1.0, 3.0), (2.0, None)]
    assert drawn["events"] == [(1.0, 2.0), (2.0, None)]
    assert drawn["failures"] == [(1.0, 0.0), (2.0, 0.0)]
