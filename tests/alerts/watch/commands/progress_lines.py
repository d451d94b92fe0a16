"""The lines that `watch wait` prints as a watch proceeds."""

from __future__ import annotations

from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.commands import progress
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Tick
from tests.alerts.watch import fixtures


def upto(history: list[Tick], elapsed: float) -> Judgement:
    """The judgement `elapsed` seconds after the start of the watch."""
    return evaluate_watch(
        fixtures.watch(), [tick for tick in history if tick.elapsed <= elapsed], 0.0, elapsed, final=False
    )


def lines_at(history: list[Tick], *moments: float) -> list[list[str]]:
    """The new lines at each of these times, seconds after the start, since the one before."""
    before, news = None, []
    for elapsed in moments:
        now = upto(history, elapsed)
        news.append(list(progress.news(before, now)))
        before = now
    return news
