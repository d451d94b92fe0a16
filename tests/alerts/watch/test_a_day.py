"""A whole day as in production: 5,760 ticks at every signal. Its size on disk, and the time to evaluate it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from alerts.watch.analysis.archive import latest, ticks_of
from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.clock import WatchTime
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Tick
from alerts.watch.model.watch import Verdict
from alerts.watch.runtime.watch_manager import WatchManager
from alerts.watch.store.database_file import FILE
from alerts.watch.store.history import History
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import DAY

INTERVAL = 15.0
TICKS = 5760


def moment(elapsed: float) -> WatchTime:
    return WatchTime(fixtures.START + elapsed, 1000 + elapsed, "boot")


def full(elapsed: float) -> Tick:
    """A tick at which every signal and every series has a value, none of them round."""
    tick = fixtures.tick(elapsed, interval=INTERVAL)
    rest = {name: elapsed / 7 for name in fixtures.watch().sources if name not in tick.values}
    return Tick(tick.at, elapsed, 1, INTERVAL, {**rest, **tick.values})


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The history of a day, written a tick at a time; the watch is just not over."""
    made = tmp_path_factory.mktemp("day")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alerts.watch.store.database_file.SYNCHRONOUS", "OFF")
        with History.writer(made) as opened:
            manager = WatchManager(opened, fixtures.factory(interval=INTERVAL), moment(0))
            with opened.transaction():
                manager.begin("manual", moment(0))
            for number in range(1, TICKS + 1):
                with opened.transaction():
                    manager.advance(moment(number * INTERVAL))
                    manager.add(full(number * INTERVAL), moment(number * INTERVAL))
    return made


def test_it_takes_less_than_20_megabytes(directory):
    """With every one of its ticks in it."""
    with History.reader(directory) as opened:
        assert len(list(opened.ticks(0))) == TICKS
    size = (directory / FILE).stat().st_size
    assert size < 20_000_000
    # The measured size, so that it does not grow unnoticed: 81 numbers of eight bytes, and five rows in a page.
    assert size / TICKS < 840


def test_it_is_read_and_evaluated_in_less_than_two_seconds(directory):
    """By the processor's time, which a busy machine does not stretch."""
    with History.reader(directory) as opened:
        watch = latest(opened)
        assert watch is not None
        started = time.process_time()
        judgement = evaluate_watch(watch, ticks_of(opened, watch), watch.ends_at, DAY, final=True)
        taken = time.process_time() - started
    assert (judgement.ticks, judgement.verdict) == (TICKS, Verdict.PASS)
    assert taken < 2


def test_a_restart_at_the_last_moment_costs_as_little_and_changes_nothing(directory, tmp_path):
    """Verified, loaded again, and evaluated with the same result as while it was recorded."""
    shutil.copytree(directory, tmp_path, dirs_exist_ok=True)
    with History.writer(tmp_path) as opened:
        started = time.process_time()
        manager = WatchManager(opened, fixtures.factory(interval=INTERVAL), moment(DAY))
        assert time.process_time() - started < 2
        assert manager.running
        with opened.transaction():
            manager.advance(moment(DAY + INTERVAL))
        watch = latest(opened)
        assert watch is not None
        assert watch.verdict is Verdict.PASS
        assert opened.get(Judgement, 1) == evaluate_watch(
            watch, ticks_of(opened, watch), watch.ends_at, DAY, final=True
        )
