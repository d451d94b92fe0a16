"""Compares a watch with an earlier watch or day of its history."""

from collections.abc import Sequence

from alerts.watch.analysis.archive import ticks_of
from alerts.watch.analysis.comparison import DayComparison, compare, hours
from alerts.watch.model.tick import Tick
from alerts.watch.model.watch import Verdict, Watch
from alerts.watch.store.history import History
from exporter.core.humanize import moment

_DAY = 86400.0


def compare_with_earlier(history: History, watch: Watch, ticks: Sequence[Tick]) -> DayComparison | None:
    """With the latest earlier watch that passed, otherwise the latest earlier one, otherwise the day before."""
    if not ticks:
        return None
    now = hours(ticks, watch.duration)
    earlier = [each for each in history.all(Watch).values() if each.number < watch.number and each.closed is not None]
    passed = [each for each in earlier if each.verdict is Verdict.PASS]
    for before in (passed or earlier)[-1:]:
        found = hours(ticks_of(history, before), watch.duration)
        return compare(now, found, f"watch {before.number} ({before.verdict}, {moment(before.started_at)})")
    the_day_before = history.ticks(watch.started - _DAY, watch.started, origin=watch.started - _DAY)
    comparison = compare(now, hours(the_day_before, watch.duration), "the day before")
    return comparison if comparison.signals else None
