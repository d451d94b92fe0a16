"""A history that an earlier build of version 0.1.0 wrote is read, and continued.

`data/history_v1.sqlite.gz` has a run, a watch of half an hour that failed, 34 ticks with every kind of detail, a
request and a mark.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from alerts.watch.analysis.archive import load_watch, ticks_of
from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.clock import WatchTime
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Cause
from alerts.watch.model.watch import Verdict, Watch, WatchState
from alerts.watch.report import WatchReport, html, json_text, markdown
from alerts.watch.runtime.watch_manager import WatchManager
from alerts.watch.store.database_file import FILE
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun, TimelineMark, WatchRequest
from tests.alerts.watch import fixtures

OLD = Path(__file__).parent / "data" / "history_v1.sqlite.gz"
ERA = "6f1c1b0e-8a53-4c0a-9c0e-9d5b6f0f2a11"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / FILE).write_bytes(gzip.decompress(OLD.read_bytes()))
    return tmp_path


def test_every_record_is_read(directory):
    """Field by field."""
    with History.reader(directory) as opened:
        opened.check()
        watch, judgement = opened.get(Watch, 1), opened.get(Judgement, 1)
        assert opened.all(ExporterRun) == {1: ExporterRun(1, "1.2.3", ERA, 1763460000.0, 60.0, 1763462225.0)}
        assert opened.all(TimelineMark) == {2: TimelineMark(180.001)}
        request = WatchRequest("start", 1763460180.0, "", "watch 1 has begun", granted=True)
        assert opened.all(WatchRequest) == {41: request}
    assert watch is not None
    assert (watch.state, watch.verdict, watch.started, watch.closed) == (
        WatchState.FAILED, Verdict.FAIL, 180.001, 1980.001,
    )  # fmt: skip
    assert len(watch.checks) == 20
    assert watch.checks[1].conditions[0].signal == "outbox:oldest_open_age_seconds"
    assert judgement is not None
    assert (judgement.verdict, judgement.ticks, len(judgement.reasons)) == (Verdict.FAIL, 29, 3)
    assert judgement.summary == "2 of 19 checks did not hold: the backlog is not critical, nobody is woken."
    assert [(each.seconds, each.elapsed) for each in judgement.clock_steps] == [(5, 1080)]


def test_every_tick_is_read(directory):
    """With its values, problems, alerts, maintenance, gaps and clock steps."""
    with History.reader(directory) as opened:
        ticks = list(opened.ticks(-1))
    assert len(ticks) == 34
    assert ticks[5].values["outbox:backlog_jobs"] == 5
    assert [each.elapsed for each in ticks if each.problems] == [960.001, 1020.001]
    (problem,) = ticks[13].problems
    assert (problem.collector, problem.cause, problem.stale) == ("backlog", Cause.LOCK, True)
    assert [each.maintenance_reason for each in ticks if each.maintenance] == ["partial rollback"]
    assert [each.elapsed for each in ticks if each.maintenance is None] == [1200.001]
    assert [each.elapsed for each in ticks if each.firing] == [1380.001 + 60 * number for number in range(8)]
    assert [each.elapsed for each in ticks if each.held] == [1860.001]
    (change,) = next(each.changes for each in ticks if each.changes)
    assert (change.change, change.rule, change.value) == ("firing", "OutboxBacklogHigh/page", 2000)
    assert [each.step for each in ticks if each.step] == [5]


def test_its_watch_is_evaluated_and_reported(directory):
    """The ticks give the same verdicts again."""
    with History.reader(directory) as opened:
        watch = opened.get(Watch, 1)
        assert watch is not None
        record = load_watch(opened, watch, WatchTime(1763462300.0, 3300.0, ERA))
        again = evaluate_watch(watch, ticks_of(opened, watch), record.judgement.at, 1800.0, final=True)
    assert [each.verdict for each in again.results] == [each.verdict for each in record.judgement.results]
    assert again.ratio == record.judgement.ratio
    report = WatchReport(watch, record.judgement, record.ticks, 1763462300.0, "0.1.0")
    assert all("2 of 19 checks did not hold" in form(report) for form in (html, markdown, json_text))


def test_a_new_exporter_continues_it(directory):
    """Later on the same time line, with a run of its own; checksums continue."""
    now = WatchTime(1763462345.0, 3340.0, ERA)
    with History.writer(directory) as opened:
        manager = WatchManager(opened, fixtures.factory(1800.0), now)
        assert (manager.run.number, manager.watch and manager.watch.number) == (2, 1)
        with opened.transaction():
            manager.advance(now)
            manager.add(fixtures.tick(0.0, at=now.at), now)
        opened.check()
        last = list(opened.ticks(-1))[-1]
    assert (last.run, last.before, last.elapsed) == (2, Cause.EXPORTER_STOPPED, 2340.001)
