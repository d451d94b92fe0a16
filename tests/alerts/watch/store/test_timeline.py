"""Places on the time line of a history."""

from __future__ import annotations

import pytest

from alerts.watch.clock import WatchTime
from alerts.watch.model.tick import Tick
from alerts.watch.store.history import History
from alerts.watch.store.records import ExporterRun, Layout
from alerts.watch.store.timeline import Position, position

RUN = ExporterRun(1, "1.2.3", "boot", 1000.0, 15.0)


@pytest.fixture
def history(tmp_path):
    with History.writer(tmp_path) as opened:
        yield opened


def test_an_empty_history_begins_at_zero(history):
    """Without a step and without a run."""
    assert position(history, WatchTime(1000.0, 50.0, "boot")) == Position(0.0, 0.0, None)


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (WatchTime(1035.0, 75.0, "boot"), Position(85.0, 0.0, RUN)),
        # The wall clock was set by an hour.
        (WatchTime(4635.0, 75.0, "boot"), Position(85.0, 3600.0, RUN)),
        # After another boot, the wall clock is all there is.
        (WatchTime(1110.0, 5.0, "other"), Position(160.0, 0.0, RUN)),
    ],
)
def test_time_continues_after_the_latest_tick(history, reading, expected):
    """By the clock since boot where it is the same."""
    with history.transaction():
        history.put(1, RUN)
        history.put(1, Layout(()))
        history.add_tick(60_000, 50.0, Tick(1010.0, 60.0, 1, 15.0, {}), 1)
    assert position(history, reading) == expected
