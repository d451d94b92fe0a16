"""The watch in metrics and pages: its real state, or nothing."""

from dataclasses import replace

import pytest

from alerts.watch.model.change import Change, ChangeKind
from alerts.watch.model.result import Standing
from alerts.watch.model.watch import WatchState
from alerts.watch.runtime.recorder import WatchView
from exporter.app.watch_status import may_be_open, recent_changes, watch_readings, watch_status
from exporter.metrics import catalogue
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
