"""Follows a watch from another process: reads only what is new, and judges it as the exporter does."""

from pathlib import Path

from alerts.watch.analysis.archive import elapsed_of, latest, seen
from alerts.watch.analysis.verdict import WatchEvaluator
from alerts.watch.clock import ClockReading
from alerts.watch.model import Judgement, Watch
from alerts.watch.store.history import History


class Follower:
    """Looks at the latest watch of a state directory, and then at that one alone.

    `new`: not at one that was over at the first look, but at the next.
    """

    def __init__(self, directory: Path, *, new: bool = False) -> None:
        self._directory = directory
        self._new = new
        self._over: int | None = None
        self._judge: WatchEvaluator | None = None
        self._heard = -1.0
        self.watch: Watch | None = None
        self.judgement: Judgement | None = None

    def look(self, moment: ClockReading) -> None:
        """What is new. Raises: HistoryError."""
        with History.reader(self._directory) as opened:
            self.watch = opened.get(Watch, self.watch.number) if self.watch else latest(opened)
            if self.watch and self._new and self._over is None:
                self._over = self.watch.number if self.watch.verdict is not None else 0
            if self.watch and self.watch.number == self._over:
                self.watch = None
            if self.watch is None:
                return
            if self.watch.verdict is not None:
                self.judgement = opened.get(Judgement, self.watch.number) or self.judgement
                return
            self._judge = self._judge or WatchEvaluator(self.watch)
            for tick in seen(opened, self.watch, self._heard):
                self._judge.add(tick)
                self._heard = tick.elapsed
            elapsed = elapsed_of(opened, self.watch, moment)
        self.judgement = self._judge.judgement(moment.at, elapsed, final=False)
