"""The checks of a configuration: the shipped ones, some of them advisory or left out, and those of one's own."""

from dataclasses import replace

from alerts.watch.checks.checks import (
    COMPARISONS,
    CheckParameters,
    budget_of,
    limit_of,
    not_applicable,
    resolve,
    unit_of,
)
from alerts.watch.checks.expressions import depends_on_clock, recorded
from alerts.watch.checks.series import MAINTENANCE
from alerts.watch.checks.sources import by_clock, collectors_of
from alerts.watch.model.check import Check, CheckKind, Condition
from exporter.config.settings import CheckCondition, CheckDefinition, WatchCheck
from exporter.core.humanize import format_value

_LEFT_OUT = "it is left out by watch.checks"


def configured_checks(parameters: CheckParameters) -> tuple[Check, ...]:
    """The shipped checks in their order, then those of one's own.

    Raises: ConfigError when a shipped check refers to a missing rule or signal.
    """
    entries = {entry.name: entry for entry in parameters.changes}
    shipped = resolve(parameters)
    own = (_own(entry, entry.definition, parameters) for entry in parameters.changes if entry.definition)
    return tuple(_changed(check, entries.get(check.name)) for check in (*shipped, *own))


def _changed(check: Check, entry: WatchCheck | None) -> Check:
    if entry is None:
        return check
    reason = check.not_applicable if entry.enabled else _LEFT_OUT
    return replace(check, advisory=entry.advisory, left_out=not entry.enabled, not_applicable=reason)


def _own(entry: WatchCheck, definition: CheckDefinition, parameters: CheckParameters) -> Check:
    conditions = tuple(_condition(each, parameters) for each in definition.when)
    first = conditions[0]
    unit = unit_of_condition(definition.when[0], parameters)
    collectors = frozenset(name for each in conditions for name in each.collectors) - {MAINTENANCE}
    limit = format_value(first.limit, unit)
    return Check(
        name=entry.name,
        title=definition.title,
        kind=CheckKind.LEVEL,
        subject=(definition.subject or f'The check "{definition.title}"').replace("{limit}", limit),
        good=(definition.good or "was never breached").replace("{limit}", limit),
        bad=(definition.bad or "was breached").replace("{limit}", limit),
        source=definition.source or "watch.checks of the configuration",
        budget=budget_of(definition.stretch, definition.share, parameters),
        conditions=conditions,
        collectors=tuple(sorted(collectors if parameters.application else collectors - {"application"})),
        signal=first.signal,
        limit=first.limit,
        unit=unit,
        excused=definition.excused,
        not_applicable=not_applicable((each.signal or each.expr for each in definition.when), collectors, parameters),
        own=True,
    )


def _condition(condition: CheckCondition, parameters: CheckParameters) -> Condition:
    above, inclusive = COMPARISONS[condition.comparison]
    policy, expr = parameters.policy, condition.expr
    name = recorded(expr, above=above) if expr else condition.signal
    return Condition(
        signal=name,
        above=above,
        limit=limit_of(condition.limit, parameters),
        inclusive=inclusive,
        absent=condition.absent,
        collectors=tuple(sorted(collectors_of(name, policy))),
        by_clock=depends_on_clock(expr, policy) if expr else by_clock(name, policy),
        expression=bool(expr),
    )


def unit_of_condition(condition: CheckCondition, parameters: CheckParameters) -> str:
    """The unit of a condition's limit: that of its signal, or as written; seconds for a duration. Raises: KeyError."""
    if condition.signal:
        return unit_of(condition.signal, parameters.policy)
    return condition.unit or ("seconds" if is_duration(condition.limit) else "")


def is_duration(limit: str) -> bool:
    """Whether a limit is written as a duration."""
    return limit[:1].isdigit() and limit[-1:].isalpha()
