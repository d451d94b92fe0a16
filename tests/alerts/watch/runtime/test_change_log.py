"""Changes on disk: they and the known state survive a restart, and their number is bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.model.change import Change, ChangeKind, KnownServer, KnownState
from alerts.watch.runtime.change_detector import Observation
from alerts.watch.runtime.change_log import ChangeLog, exporter_change
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun, Layout
from tests.alerts.watch.fixtures import tick

KNOWN = KnownState("1", KnownServer(500.0, False, "a:5432", 15.0), {"table a": 1}, 15.0)
RUN = ExporterRun(1, "1.0", "boot", 100.0, 15.0, process_at=90.0)


def change(t: float, text: str = "x") -> Change:
    return Change(ChangeKind.LOCK, text, 1000.0 + t, t - 5, t)


def test_changes_and_the_known_state_are_kept(tmp_path):
    """The next detector goes on from there; another version of the exporter cannot compare definitions."""
    with History.writer(tmp_path) as history:
        log = ChangeLog(history)
        assert log.detector("1").known == KnownState("1")
        log.add((change(10.0), change(20.0, "y")), KNOWN, 20.0)
        again = ChangeLog(history)
        assert again.changes == log.changes == (change(10.0), change(20.0, "y"))
        assert again.detector("1").known == KNOWN
        assert again.detector("2").known == replace(KNOWN, version="2", definitions={})


def test_the_known_state_is_written_rarely(tmp_path):
    """With a change, and after five minutes."""
    with History.writer(tmp_path) as history:
        log = ChangeLog(history)
        for t, seen, stored in ((0.0, 1.0, 1.0), (299.0, 2.0, 1.0), (300.0, 3.0, 3.0), (301.0, 4.0, 3.0)):
            log.add((), replace(KNOWN, compared=seen), t)
            assert ChangeLog(history).detector("1").known.compared == stored
        log.add((change(302.0),), replace(KNOWN, compared=5.0), 302.0)
        assert ChangeLog(history).detector("1").known.compared == 5


def test_a_repeated_change_is_stored_once_a_minute(tmp_path):
    """An application that restarts all the time."""
    with History.writer(tmp_path) as history:
        log = ChangeLog(history)
        for t in (0.0, 30.0, 59.0, 60.0, 61.0):
            log.add_all((change(t),))
        log.add_all((change(62.0, "y"),))
        assert [each.latest for each in log.changes] == [0, 60, 62]


def test_old_changes_are_deleted(tmp_path):
    """Those before the oldest watch, and all but the latest 500."""
    with History.writer(tmp_path) as history:
        log = ChangeLog(history)
        with history.transaction():
            log.add_all(change(100.0 * number) for number in range(510))
        kept = log.changes
        log.delete_old(0.0)
        assert log.changes == ChangeLog(history).changes == kept[10:]
        log.delete_old(50_000.0)
        assert [each.latest for each in ChangeLog(history).changes] == [100.0 * number for number in range(500, 510)]
        log.add_all((change(60_000.0),))
        assert ChangeLog(history).changes[-1].latest == 60_000


def test_the_last_ticks_are_compared_with(tmp_path):
    """A counter of the application that was reset while no exporter ran."""
    with History.writer(tmp_path) as history:
        history.add_tick(1000, 1.0, replace(tick(1.0), values={}), _layout(history))
        last = replace(tick(2.0), values={"outbox_app_processed_jobs_total": 50.0})
        history.add_tick(2000, 2.0, last, _layout(history))
        found = ChangeLog(history).detector("1")
        reset = replace(tick(90.0), values={"outbox_app_processed_jobs_total": 3.0})
        assert [each.earliest for each in found.detect(reset, Observation())] == [2.0]


def _layout(history: History) -> int:
    history.put(1, Layout(("outbox_app_processed_jobs_total",)))
    return 1


@pytest.mark.parametrize(
    ("run", "kind", "text"),
    [
        (replace(RUN, number=2), "reload", "the exporter's configuration was reloaded"),
        (replace(RUN, number=2, process_at=300.0), "exporter_restart", "the exporter was restarted"),
        (
            replace(RUN, number=2, process_at=300.0, version="1.1"),
            "exporter_upgrade",
            "the exporter's version changed from 1.0 to 1.1",
        ),
    ],
)
def test_the_exporter_itself(run, kind, text):
    """A new run in the same process is a reload. A run of an earlier version does not know its process."""
    found = exporter_change(RUN, run, 5.0, 9.0)
    assert (found.kind, found.text, found.at, found.earliest, found.latest) == (kind, text, 100.0, 5.0, 9.0)
    unknown = replace(RUN, process_at=0.0)
    assert exporter_change(unknown, unknown, 0.0, 1.0).kind is ChangeKind.EXPORTER_RESTART
