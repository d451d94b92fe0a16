"""Writes a syntax tree as PromQL, every operand that is an operation in parentheses.

Shape: parsing the text gives the same tree.
"""

import json
import math

from alerts.promql.syntax_tree import (
    Aggregation,
    BinaryOperation,
    Expression,
    FunctionCall,
    Grouping,
    Negation,
    NumberLiteral,
    RangeSelector,
    VectorMatching,
    VectorSelector,
)
from exporter.config.values import format_duration


def written(expression: Expression) -> str:
    """The expression in PromQL."""
    match expression:
        case NumberLiteral(value=value):
            return _number(value)
        case VectorSelector() | RangeSelector():
            return _series(expression)
        case FunctionCall(function=function, arguments=arguments):
            return f"{function}({', '.join(map(written, arguments))})"
        case Negation(operand=operand):
            return f"-{_operand(operand)}"
        case BinaryOperation():
            return _operation(expression)
        case Aggregation(operator=operator, operand=operand, grouping=grouping, parameter=parameter):
            arguments = (operand,) if parameter is None else (parameter, operand)
            return f"{operator}{_grouping(grouping, 'by', 'without')} ({', '.join(map(written, arguments))})"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")


def _series(series: VectorSelector | RangeSelector) -> str:
    if isinstance(series, RangeSelector):
        return _selector(series.selector, f"[{_time(series.length)}]")
    return _selector(series)


def _selector(selector: VectorSelector, window: str = "") -> str:
    matchers = ",".join(f"{each.label}{each.match}{json.dumps(each.value)}" for each in selector.matchers)
    offset = f" offset {_time(selector.offset)}" if selector.offset else ""
    return f"{selector.metric}{f'{{{matchers}}}' if matchers else ''}{window}{offset}"


def _time(milliseconds: int) -> str:
    return format_duration(milliseconds / 1000)


def _operation(operation: BinaryOperation) -> str:
    modifier = f"{' bool' if operation.boolean else ''}{_matching(operation.matching)}"
    return f"{_operand(operation.left)} {operation.operator}{modifier} {_operand(operation.right)}"


def _operand(operand: Expression) -> str:
    text = written(operand)
    return f"({text})" if isinstance(operand, BinaryOperation | Negation) else text


def _matching(matching: VectorMatching) -> str:
    many = f" group_{matching.many} ({', '.join(matching.include)})" if matching.many else ""
    return f"{_grouping(matching.grouping, 'on', 'ignoring')}{many}"


def _grouping(grouping: Grouping, only: str, others: str) -> str:
    if not grouping.labels and not (grouping.only and only == "on"):
        return ""
    return f" {only if grouping.only else others} ({', '.join(sorted(grouping.labels))})"
