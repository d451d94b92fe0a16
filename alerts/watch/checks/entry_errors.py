"""The errors of an entry of `watch.checks`: names, expressions and limits that do not fit the policy."""

import math
import re
from collections.abc import Iterator

from alerts.model import Policy, RuleKey, Severity
from alerts.policy.load import load_policy
from alerts.watch.checks import checks
from alerts.watch.checks.checks import CheckParameters
from alerts.watch.checks.configured import is_duration, unit_of_condition
from alerts.watch.checks.expressions import problem
from exporter.config import values
from exporter.config.settings import CheckCondition, WatchCheck
from exporter.config.watch_checks import CheckError
from exporter.core.problems import nearest

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PLACEHOLDER = re.compile(r"\{[^}]*\}")
_SECONDS = "seconds"


def errors_by_default_policy(entry: WatchCheck) -> Iterator[CheckError]:
    """The errors of an entry, by the shipped policy: thresholds have no part in it."""
    return errors(entry, load_policy())


def errors(entry: WatchCheck, policy: Policy) -> Iterator[CheckError]:
    """Every error of an entry. Texts that are empty, because their form was wrong, are not looked at."""
    shipped = entry.name in checks.names()
    if entry.definition is None:
        if not shipped:
            yield CheckError((), f"unknown check{nearest(entry.name, checks.names())}")
        return
    if shipped:
        yield CheckError((), "a shipped check: only `enabled` and `advisory` can be set; give your own another name")
    elif not _NAME.fullmatch(entry.name):
        yield CheckError((), "expected a name of at most 40 lower-case letters, digits and _")
    for key in ("subject", "good", "bad"):
        if set(_PLACEHOLDER.findall(getattr(entry.definition, key))) - {"{limit}"}:
            yield CheckError((key,), "only {limit} is replaced in it")
    for index, condition in enumerate(entry.definition.when):
        for key, message in _condition_errors(condition, policy):
            yield CheckError(("when", index, key), message)


def _condition_errors(condition: CheckCondition, policy: Policy) -> Iterator[tuple[str, str]]:
    """Keys of a condition, each with its error."""
    records = [signal.record for signal in policy.signals]
    if condition.signal and condition.signal not in records:
        yield "signal", f"unknown signal{nearest(condition.signal, records)}"
        return
    if condition.signal and condition.unit:
        yield "unit", "a recorded signal has its own unit"
    if condition.expr and (wrong := problem(condition.expr, policy)):
        yield "expr", wrong
    if condition.comparison and (wrong := _limit_error(condition, policy)):
        yield condition.comparison, wrong


def _limit_error(condition: CheckCondition, policy: Policy) -> str:
    """The error of a limit; empty when it fits the unit."""
    alert, slash, severity = condition.limit.partition("/")
    unit = unit_of_condition(condition, CheckParameters(policy, 0.0, application=True))
    if slash:
        return _rule_error(alert, severity, unit, policy)
    try:
        if is_duration(condition.limit):
            values.duration(condition.limit)
            return "" if unit == _SECONDS else f"expected a number of {unit}"
        number = float(condition.limit)
    except ValueError:
        return "expected a number, a duration such as 5m, or a rule of the policy such as OutboxBacklogHigh/page"
    if not math.isfinite(number):
        return "expected a finite number"
    return "expected a duration such as 5m" if unit == _SECONDS and number else ""


def _rule_error(alert: str, severity: str, unit: str, policy: Policy) -> str:
    """The error of a limit that is a rule's threshold."""
    rules = {str(rule.key): rule for rule in policy.rules}
    name = f"{alert}/{severity}"
    if name not in rules:
        return f"unknown rule{nearest(name, rules)}"
    found = policy.rule(RuleKey(alert, Severity(severity))).unit
    return "" if found == unit or not unit else f"the threshold of that rule is in {found}"
