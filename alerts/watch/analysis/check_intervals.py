"""What one look says of one check."""

from collections.abc import Sequence

from alerts.watch.analysis.coverage import TickStatus
from alerts.watch.model import Check, CheckKind, Condition, Tick

# So far behind the database's clock ours may be, seconds: a greater negative age is none.
SKEW = 5.0


def look(check: Check, ticks: Sequence[Tick], offset: float = 0.0) -> TickStatus:
    """Of ticks of the same moment, which is nearly always one: the worst, so that their order does not matter.

    `offset` is by how much the wall clock was set since the watch began. Nobody can say whether it was right before
    or is so now: what compares the database's times with it is known only where both come to the same.
    """
    found = [_look(check, tick, offset) for tick in ticks]
    return found[0] if len(found) == 1 else min(found, key=lambda status: status.value)


def seen(collectors: frozenset[str], tick: Tick) -> bool:
    """Whether all these collectors could be relied on."""
    return not any(trouble.stale and trouble.collector in collectors for trouble in tick.troubles)


def _look(check: Check, tick: Tick, offset: float) -> TickStatus:
    if check.excused and tick.maintenance:
        return TickStatus.EXCUSED
    breached = _pages(check, tick, offset) if check.kind is CheckKind.PAGES else _level(check, tick, offset)
    if breached and check.excused and tick.maintenance is None:
        return TickStatus.UNKNOWN  # it may be excused
    if breached is None:
        return TickStatus.UNKNOWN
    return TickStatus.BAD if breached else TickStatus.GOOD


def _pages(check: Check, tick: Tick, offset: float) -> bool | None:
    doubtful = check.rules_by_clock if offset else ()
    firing = {rule for rule in tick.firing if rule in check.rules}
    if firing.difference(doubtful):
        return True
    blind = firing or any(rule in check.rules for rule in tick.held) or not seen(frozenset(check.collectors), tick)
    return None if blind else False


def _level(check: Check, tick: Tick, offset: float) -> bool | None:
    """Whether all conditions hold; one that does not is enough to know."""
    if not check.conditions:
        return False if seen(frozenset(check.collectors), tick) else None
    breached: bool | None = True
    for condition in check.conditions:
        holds = _holds(condition, tick, offset)
        if holds is False:
            return False
        if holds is None:
            breached = None
    return breached


def _holds(condition: Condition, tick: Tick, offset: float) -> bool | None:
    value = tick.values.get(condition.signal)
    if value is not None:
        return _holds_by_any_clock(condition, value, offset) if condition.by_clock else condition.holds(value)
    troubled = tick.troubles and any(trouble.collector in condition.collectors for trouble in tick.troubles)
    return None if troubled else condition.absent


def _holds_by_any_clock(condition: Condition, age: float, offset: float) -> bool | None:
    """By the clock as it is and as it was; nothing is younger than nothing, so that may leave one of them."""
    possible = {condition.holds(each) for each in (age, age - offset) if each >= -SKEW}
    return possible.pop() if len(possible) == 1 else None
