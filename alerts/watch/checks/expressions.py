"""PromQL expressions in checks of one's own: what they may refer to, and their evaluation with the policy's signals.

An expression is evaluated as one more recorded signal. Its name is its text, so that values in a history say what they
are, and a watch keeps its expressions when the configuration changes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from alerts.model import Policy, Signal
from alerts.promql.engine import Engine
from alerts.promql.operators import COMPARISONS
from alerts.promql.parse import UnsupportedError, parse
from alerts.promql.storage import LOOKBACK, Storage, required_history
from alerts.promql.syntax_tree import BinaryOperation, Expression, FunctionCall, walk
from alerts.promql.vectors import EvaluationError
from alerts.watch.checks.sources import by_clock
from alerts.watch.model.check import Check, Condition
from exporter.core.problems import nearest
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind

# The series that the rule manager adds to the exporter's own.
_ADDED = ("up", "process_start_time_seconds")
# Seconds. The samples that the exporter keeps for evaluation grow with the longest range.
MAX_RANGE = 86_400.0


def recorded(expr: str, *, above: bool) -> str:
    """The expression of one value: the greatest where a limit must not be exceeded, otherwise the least."""
    end = "\n)" if "#" in expr else ")"  # a comment ends with its line
    return f"{'max' if above else 'min'}({expr}{end}"


def problem(expr: str, policy: Policy) -> str:
    """Why an expression cannot be evaluated here; empty when it can."""
    try:
        tree = parse(expr)
        whole = parse(recorded(expr, above=True))
        Engine(Storage({}), [whole]).compile(whole)
    except (UnsupportedError, EvaluationError) as error:
        return f"no PromQL expression that can be evaluated here: {str(error).rpartition(': ')[2]}"
    if isinstance(tree, BinaryOperation) and tree.operator in COMPARISONS and not tree.boolean:
        return "a comparison has no value while it is false; write the limit as above, at_least or below"
    history = required_history([tree])
    known = {*(signal.record for signal in policy.signals), *_exposed(), *_ADDED}
    if unknown := next((name for name in history if name not in known), None):
        return f"{unknown} is no metric of the exporter{nearest(unknown, known)}"
    if not history:
        return "it selects no metric"
    return "a range or offset of more than a day" if max(history.values()) > MAX_RANGE + LOOKBACK / 1000 else ""


def depends_on_clock(expr: str, policy: Policy) -> bool:
    """Whether a valid expression compares a database time with the exporter's clock, or calls `time()`."""
    tree = parse(expr)
    times = (name for name in required_history([tree]) if name.endswith("_timestamp_seconds"))
    return _calls_time(tree) or any(times) or by_clock(expr, policy)


def with_expressions(policy: Policy, checks: Iterable[Check]) -> Policy:
    """The policy, which also records the expressions of these checks, except those that are not supported here."""
    known = {signal.record for signal in policy.signals}
    found = {each.record: each for check in checks for each in _signals(check) if each.record not in known}
    usable = tuple(signal for signal in found.values() if not problem(signal.expr, policy))
    return replace(policy, signals=(*policy.signals, *usable)) if usable else policy


@cache
def _exposed() -> frozenset[str]:
    """The names of the exporter's own series."""
    ends = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
    return frozenset(metric.name + end for metric in catalogue.CATALOGUE for end in ends.get(metric.kind, ("",)))


def _signals(check: Check) -> Iterator[Signal]:
    for condition in _expressions(check):
        yield Signal(condition.signal, check.unit, f"a condition of the check {check.name}", condition.signal)


def _expressions(check: Check) -> Iterator[Condition]:
    return (condition for condition in check.conditions if condition.expression)


def _calls_time(tree: Expression) -> bool:
    return any(isinstance(node, FunctionCall) and node.function == "time" for node in walk(tree))
