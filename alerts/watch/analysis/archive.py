"""What a history tells of a watch: the judgement as it stands, and what it can be compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerts.watch.analysis.comparison import compare, hours
from alerts.watch.analysis.verdict import judge
from alerts.watch.clock import ClockReading
from alerts.watch.model import DayComparison, Judgement, Tick, Verdict, Watch
from alerts.watch.store.history import History
from alerts.watch.store.timeline import position
from exporter.core.humanize import moment as written

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class WatchRecord:
    """One watch with all that was seen in it, `elapsed` counting from its begin."""

    watch: Watch
    judgement: Judgement
    ticks: tuple[Tick, ...]
    comparison: DayComparison | None


def latest(history: History) -> Watch | None:
    """The latest watch, running or over. Raises: HistoryError."""
    watches = history.all(Watch)
    return watches[max(watches)] if watches else None


def load_watch(history: History, watch: Watch, moment: ClockReading) -> WatchRecord:
    """All of one watch; one that runs is judged as of that moment. Raises: HistoryError."""
    ticks = seen(history, watch)
    judgement = history.get(Judgement, watch.number) if watch.closed_at is not None else None
    if judgement is None:
        elapsed = elapsed_of(history, watch, moment)
        judgement = judge(watch, ticks, moment.at, elapsed, final=watch.closed_at is not None)
    return WatchRecord(watch, judgement, ticks, _comparison(history, watch, ticks))


def elapsed_of(history: History, watch: Watch, moment: ClockReading) -> float:
    """How much of a watch is over at that moment, seconds; no more than there is of it. Raises: HistoryError."""
    end = watch.closed if watch.closed is not None else position(history, moment).t
    return min(max(end - watch.started, 0.0), watch.duration)


def seen(history: History, watch: Watch, after: float = -1.0) -> tuple[Tick, ...]:
    """The ticks of a watch later than so many of its seconds. Raises: HistoryError."""
    end = watch.closed if watch.closed is not None else watch.started + watch.duration
    # A tick of the very moment at which it began belongs to it.
    start = watch.started + after if after >= 0 else watch.started - 0.001
    return tuple(replace(tick, elapsed=max(tick.elapsed, 0.0)) for tick in history.ticks(start, end, watch.started))


def _comparison(history: History, watch: Watch, ticks: Sequence[Tick]) -> DayComparison | None:
    """Against the latest watch before that passed, else the latest at all, else the day before."""
    if not ticks:
        return None
    now = hours(ticks, watch.duration)
    earlier = [each for each in history.all(Watch).values() if each.number < watch.number and each.closed is not None]
    passed = [each for each in earlier if each.verdict is Verdict.PASS]
    for before in (passed or earlier)[-1:]:
        found = hours(seen(history, before), watch.duration)
        return compare(now, found, f"watch {before.number} ({before.verdict}, {written(before.started_at)})")
    the_day_before = history.ticks(watch.started - _DAY, watch.started, origin=watch.started - _DAY)
    comparison = compare(now, hours(the_day_before, watch.duration), "the day before")
    return comparison if comparison.signals else None
