"""Reads a watch from a history: its ticks and its judgement."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

from alerts.watch.analysis.changes import changes_of
from alerts.watch.clock import WatchTime
from alerts.watch.model.change import Change
from alerts.watch.model.result import Judgement
from alerts.watch.model.tick import Tick
from alerts.watch.model.watch import Watch
from alerts.watch.store.history import History
from alerts.watch.store.timeline import position


@dataclass(frozen=True, slots=True)
class WatchRecord:
    """One watch with its ticks, whose `elapsed` counts from its begin, and the changes within it and just before."""

    watch: Watch
    judgement: Judgement
    ticks: tuple[Tick, ...]
    changes: tuple[Change, ...] = ()


def latest(history: History) -> Watch | None:
    """The latest watch, open or closed. Raises: HistoryError."""
    watches = history.all(Watch)
    return watches[max(watches)] if watches else None


def load_watch(history: History, watch: Watch, now: WatchTime) -> WatchRecord:
    """One watch. An open one is evaluated as of `now`. Raises: HistoryError."""
    ticks = ticks_of(history, watch)
    judgement = history.get(Judgement, watch.number) if watch.closed_at is not None else None
    if judgement is None:
        elapsed = elapsed_of(history, watch, now)
        # Imported now: a decided watch has its judgement.
        evaluate_watch: Callable[..., Judgement] = import_module("alerts.watch.analysis.verdict").evaluate_watch
        judgement = evaluate_watch(watch, ticks, now.at, elapsed, final=watch.closed_at is not None)
    return WatchRecord(watch, judgement, ticks, changes_of(history, watch, judgement))


def elapsed_of(history: History, watch: Watch, now: WatchTime) -> float:
    """The seconds of a watch that have passed at `now`, at most its duration. Raises: HistoryError."""
    end = watch.closed if watch.closed is not None else position(history, now).t
    return min(max(end - watch.started, 0.0), watch.duration)


def ticks_of(history: History, watch: Watch, after: float = -1.0) -> tuple[Tick, ...]:
    """The ticks of a watch later than `after` elapsed seconds. Raises: HistoryError."""
    end = watch.closed if watch.closed is not None else watch.started + watch.duration
    # A tick at the very begin belongs to the watch.
    start = watch.started + after if after >= 0 else watch.started - 0.001
    return tuple(replace(tick, elapsed=max(tick.elapsed, 0.0)) for tick in history.ticks(start, end, watch.started))
