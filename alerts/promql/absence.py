"""What remains of an expression where some series never exist: PromQL defines the result of each operator without them.

`a or b` without the series of b is a, as is `a unless b`; every other operation on nothing has no result.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from alerts.promql.syntax_tree import (
    Aggregation,
    BinaryOperation,
    Expression,
    FunctionCall,
    Negation,
    RangeSelector,
    VectorSelector,
    walk,
)

# These have a result without series.
_OF_NOTHING: Final = frozenset({"absent", "absent_over_time", "scalar", "time", "vector"})


@dataclass(frozen=True, slots=True)
class NoResult:
    """The expression never has a result; `reason` is that of its first missing series."""

    reason: str


# The reason for which a selector never selects a series; empty where it may.
Reason = Callable[[VectorSelector], str]


def remaining(expression: Expression, reason: Reason) -> Expression | NoResult:
    """The expression without the parts that never have a result: the same object where there is none.

    An expression that reads no series any more has no result either: it says nothing about the missing ones.
    """
    found = _remaining(expression, reason)
    if isinstance(found, NoResult) or found is expression or any(_selectors(found)):
        return found
    return NoResult(next(filter(None, map(reason, _selectors(expression)))))


def _remaining(expression: Expression, reason: Reason) -> Expression | NoResult:
    match expression:
        case VectorSelector() | RangeSelector():
            missing = next(filter(None, map(reason, _selectors(expression))), "")
            return NoResult(missing) if missing else expression
        case FunctionCall():
            return _call(expression, reason)
        case Negation() | Aggregation():
            return _of_operand(expression, reason)
        case BinaryOperation():
            return _operation(expression, reason)
        case _:
            return expression


def _of_operand(expression: Negation | Aggregation, reason: Reason) -> Expression | NoResult:
    operand = _remaining(expression.operand, reason)
    if isinstance(operand, NoResult):
        return operand
    return expression if operand is expression.operand else replace(expression, operand=operand)


def _operation(operation: BinaryOperation, reason: Reason) -> Expression | NoResult:
    left, right = _remaining(operation.left, reason), _remaining(operation.right, reason)
    if isinstance(left, NoResult):
        return right if operation.operator == "or" and not isinstance(right, NoResult) else left
    if isinstance(right, NoResult):
        return left if operation.operator in ("or", "unless") else right
    if left is operation.left and right is operation.right:
        return operation
    return replace(operation, left=left, right=right)


def _call(call: FunctionCall, reason: Reason) -> Expression | NoResult:
    if call.function in _OF_NOTHING:
        return call
    arguments: list[Expression] = []
    for each in call.arguments:
        found = _remaining(each, reason)
        if isinstance(found, NoResult):
            return found
        arguments.append(found)
    is_same = all(found is each for found, each in zip(arguments, call.arguments, strict=True))
    return call if is_same else replace(call, arguments=tuple(arguments))


def _selectors(expression: Expression) -> Iterator[VectorSelector]:
    for node in walk(expression):
        if isinstance(node, RangeSelector):
            yield node.selector
        elif isinstance(node, VectorSelector):
            yield node
