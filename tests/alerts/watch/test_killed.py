"""SIGKILL at two hundred random moments: nothing that was on disk is lost, nothing is there twice, nothing is torn."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alerts.watch.analysis.archive import latest, ticks_of
from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Cause
from alerts.watch.model.watch import Verdict, Watch
from alerts.watch.store.history import History
from tests.alerts.watch import fixtures
from tests.alerts.watch.process_under_test import INTERVAL, evaluation_numbers


@pytest.mark.parametrize(
    ("kills", "evaluations", "backlog", "scale", "verdict"),
    # Five minutes become eight hours: two hundred gaps of two minutes are none too many. And an hour is too long.
    [(200, 900, 5, 96, Verdict.PASS), (20, 200, 5000, 12, Verdict.FAIL)],
)
def test_killed_at_any_moment(tmp_path, kills, evaluations, backlog, scale, verdict):  # noqa: PLR0917 - a table's columns
    """The verdict is the one that it would have been without, and only ticks that were never finished are missing."""
    words = [str(tmp_path), str(kills), str(evaluations), str(backlog), str(scale)]
    subprocess.run([sys.executable, "-m", "tests.alerts.watch.process_under_test", *words], check=True, timeout=150)
    begun, made = evaluation_numbers(tmp_path, "t"), evaluation_numbers(tmp_path, "c")
    with History.reader(tmp_path) as opened:
        opened.check()
        watch, watches = latest(opened), opened.all(Watch)
        assert watch is not None
        ticks, judgement = ticks_of(opened, watch), opened.get(Judgement, watch.number)
        on_disk = [round((tick.at - fixtures.START) / INTERVAL) for tick in opened.ticks(-1)]
    assert not set(made) - set(on_disk), "lost"
    assert not set(on_disk) - set(begun), "invented"
    assert len(set(on_disk)) == len(on_disk), "doubled"
    assert list(watches) == [1]
    assert not list(tmp_path.glob("*damaged*"))
    assert judgement is not None
    assert watch.verdict is judgement.verdict is verdict, judgement.reasons
    assert evaluate_watch(watch, ticks, watch.ends_at, watch.duration, final=True).verdict is verdict
    assert judgement.exporter_restarts > kills / 3
    assert {gap.cause for gap in judgement.gaps} == {Cause.EXPORTER_DOWN}
    # Each kill costs the tick that it interrupts, and no other.
    assert len(judgement.gaps) <= kills
    assert (
        sum(gap.span.seconds for gap in judgement.gaps)
        == (len(judgement.gaps) + missing(on_disk, judgement)) * INTERVAL
    )


def missing(on_disk: list[int], judgement: Judgement) -> int:
    """How many ticks of the watch are not on disk."""
    last = on_disk[0] + round(judgement.elapsed / INTERVAL)
    return last - on_disk[0] + 1 - sum(number <= last for number in on_disk)
