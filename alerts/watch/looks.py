"""What one look says of one check."""

from collections.abc import Sequence

from alerts.watch.coverage import Status
from alerts.watch.model import Check, Condition, Kind, Tick


def look(check: Check, ticks: Sequence[Tick]) -> Status:
    """Of ticks of the same moment, which is nearly always one: the worst, so that their order does not matter."""
    found = [_look(check, tick) for tick in ticks]
    return found[0] if len(found) == 1 else min(found, key=lambda status: status.value)


def seen(collectors: frozenset[str], tick: Tick) -> bool:
    """Whether all these collectors could be relied on."""
    return not any(trouble.stale and trouble.collector in collectors for trouble in tick.troubles)


def _look(check: Check, tick: Tick) -> Status:
    if check.excused and tick.maintenance:
        return Status.EXCUSED
    breached = _pages(check, tick) if check.kind is Kind.PAGES else _level(check, tick)
    if breached and check.excused and tick.maintenance is None:
        return Status.UNSEEN  # it may be excused
    if breached is None:
        return Status.UNSEEN
    return Status.BAD if breached else Status.GOOD


def _pages(check: Check, tick: Tick) -> bool | None:
    rules = frozenset(check.rules)
    if any(rule in rules for rule in tick.firing):
        return True
    blind = any(rule in rules for rule in tick.held) or not seen(frozenset(check.collectors), tick)
    return None if blind else False


def _level(check: Check, tick: Tick) -> bool | None:
    """Whether all conditions hold; one that does not is enough to know."""
    if not check.conditions:
        return False if seen(frozenset(check.collectors), tick) else None
    breached: bool | None = True
    for condition in check.conditions:
        holds = _holds(condition, tick)
        if holds is False:
            return False
        if holds is None:
            breached = None
    return breached


def _holds(condition: Condition, tick: Tick) -> bool | None:
    value = tick.values.get(condition.signal)
    if value is not None:
        return condition.holds(value)
    troubled = tick.troubles and any(trouble.collector in condition.collectors for trouble in tick.troubles)
    return None if troubled else condition.absent
