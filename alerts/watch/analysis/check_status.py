"""The status of a check at one tick."""

from alerts.watch.analysis.coverage import TickStatus
from alerts.watch.model.check import Check, CheckKind, Condition
from alerts.watch.model.tick import Tick

# Seconds by which the exporter's clock may be behind the database's. A lower negative age is impossible.
MAX_SKEW = 5.0


def status(check: Check, tick: Tick, offset: float = 0.0) -> TickStatus:
    """The status of a check. `offset`: seconds by which the wall clock was set since the watch began.

    Either clock may have been the right one, before or after. Where a database time is compared with it, the status is
    known only if both clocks give the same.
    """
    if check.excused and tick.maintenance:
        return TickStatus.EXCUSED
    breached = _rule_fires(check, tick, offset) if check.kind is CheckKind.PAGES else _is_breached(check, tick, offset)
    if breached is None or (breached and check.excused and tick.maintenance is None):
        return TickStatus.UNKNOWN  # with an unreadable declaration, the breach may be excused
    return TickStatus.BAD if breached else TickStatus.GOOD


def _rule_fires(check: Check, tick: Tick, offset: float) -> bool | None:
    unreliable = check.rules_by_clock if offset else ()
    firing = {rule for rule in tick.firing if rule in check.rules}
    if firing.difference(unreliable):
        return True
    held = any(rule in check.rules for rule in tick.held)
    return None if firing or held or not tick.known(frozenset(check.collectors)) else False


def _is_breached(check: Check, tick: Tick, offset: float) -> bool | None:
    """Whether all conditions hold. One that does not is enough to know."""
    if not check.conditions:
        return False if tick.known(frozenset(check.collectors)) else None
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
    if value is not None and condition.by_clock and condition.expression and offset:
        return None  # how the expression depends on the clock is not known
    if value is not None:
        return _holds_by_both_clocks(condition, value, offset) if condition.by_clock else condition.holds(value)
    failed = tick.problems and any(problem.collector in condition.collectors for problem in tick.problems)
    is_unknown = failed or (condition.known_by and condition.known_by not in tick.values)
    return None if is_unknown else condition.absent


def _holds_by_both_clocks(condition: Condition, age: float, offset: float) -> bool | None:
    """By the clock before and after it was set. An age is not negative, which may exclude one of them."""
    possible = {condition.holds(each) for each in (age, age - offset) if each >= -MAX_SKEW}
    return possible.pop() if len(possible) == 1 else None
