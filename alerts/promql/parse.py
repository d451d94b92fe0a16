"""Parses PromQL into the syntax tree that the engine evaluates.

promql-parser parses the whole language and checks types. Expressions that the engine cannot evaluate are refused here,
when a policy is loaded, and not at evaluation time.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import promql_parser as parser

from alerts.promql.aggregations import AGGREGATIONS
from alerts.promql.engine import FUNCTIONS
from alerts.promql.operators import OPERATORS
from alerts.promql.syntax_tree import (
    NAME,
    Aggregation,
    BinaryOperation,
    Expression,
    FunctionCall,
    Grouping,
    Matcher,
    MatchType,
    Negation,
    NumberLiteral,
    RangeSelector,
    VectorMatching,
    VectorSelector,
)

# Pairs, because the parser's enumerations are not hashable.
_MATCHES = (
    (parser.MatchOp.Equal, MatchType.EQUAL),
    (parser.MatchOp.NotEqual, MatchType.NOT_EQUAL),
    (parser.MatchOp.Re, MatchType.REGEX),
    (parser.MatchOp.NotRe, MatchType.NOT_REGEX),
)
_MANY = ((parser.VectorMatchCardinality.ManyToOne, "left"), (parser.VectorMatchCardinality.OneToMany, "right"))
# Patterns that mean the same in Go and Python: no (?flags), no \p, \z or \Q, no [[:classes:]].
_PLAIN_PATTERN = re.compile(r"(?:\\[dDwWsS.+*?()|\[\]{}^$\\/-]|\(\?:|\((?!\?)|\[(?!.*\[:)|[^\\(\[])*")

# Strings and comments. Only those that begin with a backquote are raw, and have a group.
_TEXT = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|#.*|`([^`]*)`""")


class UnsupportedError(ValueError):
    """The text is not PromQL, or the engine does not support it. The message names the part."""


def parse(text: str) -> Expression:
    """The syntax tree of an expression that yields an instant vector or a scalar. Raises: UnsupportedError."""
    try:
        parsed = parser.parse(_without_raw_strings(text))
    except ValueError as error:
        raise UnsupportedError(f"{text}: {error}") from error
    tree = _convert(parsed)
    if isinstance(tree, RangeSelector):
        raise UnsupportedError(f"{text}: a range vector is not a result; apply a function such as rate to it")
    return tree


def _without_raw_strings(text: str) -> str:
    """The expression with quoted strings for raw ones; in those promql-parser refuses a backslash that is no escape."""
    return _TEXT.sub(lambda found: found[0] if found[1] is None else _quoted(found[1]), text)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _convert(node: Any) -> Expression:
    convert = _CONVERTERS.get(type(node))
    if convert is None:
        raise _unsupported(node)
    return convert(node)


def _unsupported(node: Any, why: str = "") -> UnsupportedError:
    text = node.prettify() if isinstance(node, parser.Expr) else str(node)
    return UnsupportedError(f"{text}: not supported by the exporter's own evaluation{why and '; ' + why}")


def _selector(node: parser.VectorSelector) -> VectorSelector:
    if node.at is not None or node.matchers.or_matchers:
        raise _unsupported(node, "no `@`, no `or` between matchers")
    matchers = [_matcher(matcher) for matcher in node.matchers.matchers]
    names = [node.name] if node.name else [m.value for m in matchers if m.label == NAME and m.match is MatchType.EQUAL]
    others = tuple(matcher for matcher in matchers if matcher.label != NAME)
    if len(names) != 1 or len(matchers) - len(others) > 1:
        raise _unsupported(node, "name one metric")
    return VectorSelector(names[0], others, _offset(node))


def _offset(node: parser.VectorSelector) -> int:
    offset = _milliseconds(node.offset or timedelta())
    if offset < 0:
        raise _unsupported(node, "an offset must not be negative")
    return offset


def _matcher(node: parser.Matcher) -> Matcher:
    match = next(ours for theirs, ours in _MATCHES if theirs == node.op)
    if match not in (MatchType.REGEX, MatchType.NOT_REGEX):
        return Matcher(node.name, match, node.value)
    if not _PLAIN_PATTERN.fullmatch(node.value):
        raise _unsupported(node, "patterns must have no flags, no named classes, no other extensions")
    return Matcher(node.name, match, node.value, re.compile(node.value, re.ASCII | re.DOTALL))


def _window(node: parser.MatrixSelector) -> Expression:
    return RangeSelector(_selector(node.vector_selector), _milliseconds(node.range))


def _milliseconds(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def _call(node: parser.Call) -> Expression:
    if node.func.name not in FUNCTIONS:
        raise _unsupported(node, f"supported functions: {', '.join(sorted(FUNCTIONS))}")
    return FunctionCall(node.func.name, tuple(_convert(argument) for argument in node.args))


def _operation(node: parser.BinaryExpr) -> Expression:
    operator = str(node.op)
    if operator not in OPERATORS:
        raise _unsupported(node, f"supported operators: {', '.join(OPERATORS)}")
    left, right = _convert(node.lhs), _convert(node.rhs)
    if node.modifier is None:
        return BinaryOperation(operator, left, right)
    fill = node.modifier.fill_values
    if fill.lhs is not None or fill.rhs is not None:
        raise _unsupported(node, "no fill")
    return BinaryOperation(operator, left, right, node.modifier.return_bool, _matching(node.modifier))


def _matching(modifier: parser.BinModifier) -> VectorMatching:
    grouping = Grouping()
    if modifier.matching is not None:
        only = modifier.matching.type == parser.LabelModifierType.Include
        grouping = Grouping(frozenset(modifier.matching.labels), only=only)
    many = next((side for cardinality, side in _MANY if cardinality == modifier.card), None)
    return VectorMatching(grouping, many, tuple(modifier.group_labels or ()))


def _aggregation(node: parser.AggregateExpr) -> Expression:
    operator = str(node.op)
    if operator not in AGGREGATIONS:
        raise _unsupported(node, f"supported aggregations: {', '.join(AGGREGATIONS)}")
    without = node.modifier is not None and node.modifier.type == parser.AggModifierType.Without
    labels = frozenset(node.modifier.labels if node.modifier else ())
    parameter = None if node.param is None else _convert(node.param)
    return Aggregation(operator, _convert(node.expr), Grouping(labels, only=not without), parameter)


_CONVERTERS: dict[type, Callable[[Any], Expression]] = {
    parser.NumberLiteral: lambda node: NumberLiteral(float(node.val)),
    parser.VectorSelector: _selector,
    parser.MatrixSelector: _window,
    parser.Call: _call,
    parser.UnaryExpr: lambda node: Negation(_convert(node.expr)),
    parser.BinaryExpr: _operation,
    parser.AggregateExpr: _aggregation,
    parser.ParenExpr: lambda node: _convert(node.expr),
}
