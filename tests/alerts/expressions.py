"""Properties of an expression without evaluating it: its labels, its metrics, its parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from alerts.policy.expressions import expand_exact_increase
from alerts.policy.load import load_policy
from alerts.promql.parse import parse
from alerts.promql.syntax_tree import (
    Aggregation,
    BinaryOperation,
    Expression,
    FunctionCall,
    Grouping,
    Matcher,
    Negation,
    NumberLiteral,
    RangeSelector,
    VectorSelector,
    walk,
)
from exporter.metrics.catalogue import CATALOGUE, Kind, Metric

POLICY = load_policy()
SIGNALS: Mapping[str, str] = {signal.record: signal.expr for signal in POLICY.signals}
# Labels of every scraped series; the Prometheus operator adds `pod`.
TARGET = frozenset({"instance", "pod", "job"})
FOREIGN = {"up": frozenset[str](), "process_start_time_seconds": frozenset[str]()}
SET_OPERATORS = ("and", "or", "unless")
COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")


def _catalogue() -> Iterator[tuple[str, Metric, frozenset[str]]]:
    for metric in CATALOGUE:
        if metric.kind is Kind.HISTOGRAM:
            yield f"{metric.name}_bucket", metric, frozenset({*metric.labels, "le"})
            yield f"{metric.name}_sum", metric, frozenset(metric.labels)
            yield f"{metric.name}_count", metric, frozenset(metric.labels)
        else:
            yield metric.name, metric, frozenset(metric.labels)


METRICS = {name: (metric, labels) for name, metric, labels in _catalogue()}


def is_counter(name: str) -> bool:
    """Whether that series only ever grows."""
    return name in METRICS and METRICS[name][0].kind is not Kind.GAUGE


def selectors(expression: Expression) -> Iterator[VectorSelector]:
    """Every selector, those of windows included."""
    for node in walk(expression):
        if isinstance(node, VectorSelector):
            yield node
        elif isinstance(node, RangeSelector):
            yield node.selector


@cache
def labels_of_metric(name: str) -> frozenset[str]:
    """The labels of a series by its name: of the catalogue, of a signal, of Prometheus itself."""
    if name in SIGNALS:
        found = labels(parse(SIGNALS[name]))
        assert found is not None
        return found
    return TARGET | (FOREIGN[name] if name in FOREIGN else METRICS[name][1])


def labels(expression: Expression) -> frozenset[str] | None:
    """The labels of the result; None for a scalar."""
    match expression:
        case VectorSelector(metric=metric) | RangeSelector(selector=VectorSelector(metric=metric)):
            return labels_of_metric(metric)
        case Negation(operand=operand):
            return labels(operand)
        case Aggregation(operand=operand, grouping=grouping):
            return _kept(grouping, labels(operand) or frozenset())
        case FunctionCall():
            return _of_call(expression)
        case BinaryOperation(left=left, right=right):
            return _of_operation(expression, labels(left), labels(right))
    return None


def _kept(grouping: Grouping, names: frozenset[str]) -> frozenset[str]:
    return names & grouping.labels if grouping.only else names - grouping.labels


def _of_call(call: FunctionCall) -> frozenset[str] | None:
    if call.function in ("time", "scalar"):
        return None
    if call.function == "vector":
        return frozenset()
    if call.function == "absent":
        (asked,) = call.arguments
        assert isinstance(asked, VectorSelector)
        return frozenset(matcher.label for matcher in asked.matchers)
    (found,) = [names for argument in call.arguments if (names := labels(argument)) is not None]
    return found - {"le"} if call.function == "histogram_quantile" else found


def _of_operation(
    operation: BinaryOperation, left: frozenset[str] | None, right: frozenset[str] | None
) -> frozenset[str] | None:
    if left is None or right is None:
        return right if left is None else left
    if operation.operator in SET_OPERATORS or operation.matching.many == "left":
        return left
    if operation.matching.many == "right":
        return right
    return _kept(operation.matching.grouping, left)


def counted(text: str) -> str:
    """The expression with `increase` in the place of each exact one that is written out."""
    for series, window in re.findall(r"max_over_time\(([^()\[]*)\[(\w+)\]\) - \(", text):
        exact = expand_exact_increase(f"exact_increase({series}[{window}])", POLICY.interval)
        text = text.replace(exact, f"increase({series}[{window}])")
    return text


def compares(expression: Expression) -> bool:
    """Whether there is a sample only where something is compared; in every branch of an `or`."""
    match expression:
        case BinaryOperation(operator="or", left=left, right=right):
            return compares(left) and compares(right)
        case BinaryOperation(operator="and" | "unless", left=left):
            return compares(left)
        case BinaryOperation(operator=operator, boolean=boolean):
            return operator in COMPARISONS and not boolean
        case FunctionCall(function="absent"):
            return True
        case _:
            return False


def sources(expression: Expression) -> Iterator[VectorSelector]:
    """The selectors of scraped series that there must be for a result: signals written out, exceptions left out."""
    match expression:
        case BinaryOperation(operator="unless", left=left):
            yield from sources(left)
        case BinaryOperation(left=left, right=right):
            yield from sources(left)
            yield from sources(right)
        case VectorSelector(metric=metric) if metric in SIGNALS:
            yield from sources(parse(SIGNALS[metric]))
        case VectorSelector():
            yield expression
        case RangeSelector(selector=selector):
            yield from sources(selector)
        case FunctionCall(arguments=arguments):
            for argument in arguments:
                yield from sources(argument)
        case Aggregation(operand=operand) | Negation(operand=operand):
            yield from sources(operand)
        case NumberLiteral():
            return


def matchers_with(expression: Expression, test: Callable[[Matcher], bool]) -> Iterator[tuple[VectorSelector, Matcher]]:
    """The matchers that pass, with their selectors."""
    for selector in selectors(expression):
        for matcher in selector.matchers:
            if test(matcher):
                yield selector, matcher
