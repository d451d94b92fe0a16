"""Evaluates expressions at one moment over the memory, as Prometheus does in an instant query.

An expression is asked again and again, over the same memory. So what depends on neither time nor samples, which is most
of it, is decided once: `prepare` turns the tree into functions that call each other.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar, cast

from alerts.model import Labels
from alerts.promql import operators
from alerts.promql.aggregations import aggregate
from alerts.promql.functions import ELEMENTS, histogram_quantile
from alerts.promql.ranges import RANGES, Points
from alerts.promql.storage import Series, Storage, milliseconds
from alerts.promql.syntax_tree import (
    Aggregation,
    BinaryOperation,
    Call,
    Expression,
    MatchType,
    Negation,
    NumberLiteral,
    RangeSelector,
    VectorSelector,
    walk,
)
from alerts.promql.vectors import EvaluationError, Vector, collect, without_metric_name

Value = float | Vector
# What an expression says at a time, in whole milliseconds.
CompiledExpression = Callable[[int], Value]
_CompiledVector = Callable[[int], Vector]
_CompiledScalar = Callable[[int], float]
_KEEPS_NAME = "last_over_time"
_Said = TypeVar("_Said")


def prepare(expression: Expression, memory: Storage) -> Callable[[float], Vector]:
    """The question that an expression is, as rules ask it: a scalar is a vector without labels.

    What comes back takes a time, Unix seconds, and raises EvaluationError when the expression makes no sense for the
    series that there are; `prepare` does when it makes none for any.
    """
    preparation = _Compiler.of(expression, memory)
    question = preparation.question(expression)

    def ask(at: float) -> Vector:
        preparation.asking.begin()
        value = question(milliseconds(at))
        return {(): value} if isinstance(value, float) else value

    return ask


def evaluate(expression: Expression, memory: Storage, at: float) -> Value:
    """The value at this time, Unix seconds: a scalar, or an instant vector.

    Raises: EvaluationError when the expression makes no sense for the series that there are.
    """
    return _Compiler.of(expression, memory).question(expression)(milliseconds(at))


@dataclass(slots=True)
class _EvaluationCounter:
    """Tells one evaluation of an expression from the next."""

    number: int = 0

    def begin(self) -> None:
        self.number += 1

    def once(self, question: Callable[[int], _Said]) -> Callable[[int], _Said]:
        """The same question, asked once in each evaluation however often its answer is needed."""
        asked = -1
        said: _Said

        def ask(at: int) -> _Said:
            nonlocal asked, said
            if asked != self.number:
                said = question(at)
                asked = self.number
            return said

        return ask


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Makes questions to one memory. Which expressions are scalars is known beforehand: PromQL is typed.

    What is in an expression several times (`repeated`) is one question, which is in `made` as soon as it is known.
    """

    memory: Storage
    repeated: AbstractSet[Expression]
    asking: _EvaluationCounter = field(default_factory=_EvaluationCounter)
    made: dict[Expression, Callable[[int], Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, expression: Expression, memory: Storage) -> Self:
        """What makes the question of this expression."""
        times = Counter(node for node in walk(expression) if not isinstance(node, NumberLiteral))
        return cls(memory, frozenset(node for node, count in times.items() if count > 1))

    def question(self, expression: Expression) -> CompiledExpression:
        kind = _KINDS.get(type(expression))
        if kind is None:
            raise EvaluationError(f"{expression} has no value of its own")
        return self._once(expression, lambda: kind(self, expression))

    def _once(self, expression: Expression, make: Callable[[], Callable[[int], _Said]]) -> Callable[[int], _Said]:
        if expression not in self.repeated:
            return make()
        if expression not in self.made:
            self.made[expression] = self.asking.once(make())
        return self.made[expression]

    def vector(self, expression: Expression) -> _CompiledVector:
        if _is_scalar(expression):
            raise EvaluationError(f"{expression} is a scalar where a vector is meant")
        return cast("_CompiledVector", self.question(expression))

    def scalar(self, expression: Expression) -> _CompiledScalar:
        if not _is_scalar(expression):
            raise EvaluationError(f"{expression} is a vector where a scalar is meant")
        return cast("_CompiledScalar", self.question(expression))

    def number(self, number: NumberLiteral) -> CompiledExpression:
        value = number.value
        return lambda _: value

    def selection(self, selector: VectorSelector) -> CompiledExpression:
        newest = self._newest(selector)
        return lambda at: {series.full_labels: value for series, _, value in newest(at)}

    def negation(self, negation: Negation) -> CompiledExpression:
        if _is_scalar(negation.operand):
            scalar = self.scalar(negation.operand)
            return lambda at: -scalar(at)
        vector = self.vector(negation.operand)
        return lambda at: collect((without_metric_name(labels), -value) for labels, value in vector(at).items())

    def operation(self, operation: BinaryOperation) -> CompiledExpression:
        left, right = operation.left, operation.right
        if _is_scalar(operation):
            return _both(operators.of_scalars(operation), self.scalar(left), self.scalar(right))
        if _is_scalar(right):
            operate = operators.with_scalar(operation, scalar_is_left=False)
            return _both(operate, self.vector(left), self.scalar(right))
        if _is_scalar(left):
            operate = operators.with_scalar(operation, scalar_is_left=True)
            return _both(operate, self.vector(right), self.scalar(left))
        if operation.operator == "and" and not _may_fail(left):
            return _skipping_left(operators.of_vectors(operation), self.vector(left), self.vector(right))
        return _both(operators.of_vectors(operation), self.vector(left), self.vector(right))

    def aggregation(self, aggregation: Aggregation) -> CompiledExpression:
        operator, grouping = aggregation.operator, aggregation.grouping
        operand = self.vector(aggregation.operand)
        if aggregation.parameter is None:
            return lambda at: aggregate(operator, operand(at), grouping)
        parameter = self.scalar(aggregation.parameter)
        return lambda at: aggregate(operator, operand(at), grouping, parameter(at))

    def _newest(self, selector: VectorSelector) -> Callable[[int], Iterator[tuple[Series, int, float]]]:
        """The samples that stand for a moment: series, time and value."""
        selected, offset = self.memory.selection(selector), selector.offset

        def newest(at: int) -> Iterator[tuple[Series, int, float]]:
            for series in selected():
                sample = series.newest(at - offset)
                if sample is not None:
                    yield series, *sample

        return newest

    def _points(self, window: RangeSelector) -> Callable[[int], list[tuple[Series, Points]]]:
        return self._once(window, lambda: self._window_points(window))

    def _window_points(self, window: RangeSelector) -> Callable[[int], list[tuple[Series, Points]]]:
        selected, offset, length = self.memory.selection(window.selector), window.selector.offset, window.length

        def points(at: int) -> list[tuple[Series, Points]]:
            end = at - offset
            found = ((series, *series.between(end - length, end)) for series in selected())
            return [(series, Points(times, values, end - length, end, at)) for series, times, values in found if times]

        return points

    def call(self, call: Call) -> CompiledExpression:
        if call.function in _SPECIAL:
            return _SPECIAL[call.function](self, call)
        return self._over_time(call) if call.function in RANGES else self._of_each(call)

    def _over_time(self, call: Call) -> CompiledExpression:
        function, window = RANGES[call.function], _window(call)
        series_and_points = self._points(window)
        scalars = [self.scalar(each) for each in call.arguments if each is not window]
        full_labels = call.function == _KEEPS_NAME

        def over_time(at: int) -> Vector:
            parameters = [scalar(at) for scalar in scalars]
            results = ((series, function(points, *parameters)) for series, points in series_and_points(at))
            return {
                series.full_labels if full_labels else series.labels: result
                for series, result in results
                if result is not None
            }

        return over_time

    def _of_each(self, call: Call) -> CompiledExpression:
        function = ELEMENTS[call.function]
        vector, scalars = self.vector(call.arguments[0]), [self.scalar(each) for each in call.arguments[1:]]

        def of_each(at: int) -> Vector:
            elements = vector(at)
            parameters = [scalar(at) for scalar in scalars]
            results = ((labels, function(value, *parameters)) for labels, value in elements.items())
            return collect((without_metric_name(labels), result) for labels, result in results if result is not None)

        return of_each

    def time(self, _: Call) -> CompiledExpression:
        return lambda at: at / 1000

    def to_vector(self, call: Call) -> CompiledExpression:
        scalar = self.scalar(call.arguments[0])
        return lambda at: {(): scalar(at)}

    def to_scalar(self, call: Call) -> CompiledExpression:
        operand = self.vector(call.arguments[0])

        def to_scalar(at: int) -> float:
            vector = operand(at)
            return next(iter(vector.values())) if len(vector) == 1 else float("nan")

        return to_scalar

    def timestamp(self, call: Call) -> CompiledExpression:
        """When each sample was taken, which is now for everything that was calculated."""
        asked = call.arguments[0]
        if isinstance(asked, VectorSelector):
            newest = self._newest(asked)
            return lambda at: {series.labels: time / 1000 for series, time, _ in newest(at)}
        vector = self.vector(asked)
        return lambda at: collect((without_metric_name(labels), at / 1000) for labels in vector(at))

    def absent(self, call: Call) -> CompiledExpression:
        vector, labels = self.vector(call.arguments[0]), _labels_of_absence(call.arguments[0])
        return lambda at: {} if vector(at) else {labels: 1.0}

    def absent_over_time(self, call: Call) -> CompiledExpression:
        window = _window(call)
        points, labels = self._points(window), _labels_of_absence(window.selector)
        return lambda at: {} if points(at) else {labels: 1.0}

    def quantile_of_histogram(self, call: Call) -> CompiledExpression:
        phi, buckets = self.scalar(call.arguments[0]), self.vector(call.arguments[1])
        return lambda at: histogram_quantile(phi(at), buckets(at))


_KINDS: Mapping[type, Callable[[_Compiler, Any], CompiledExpression]] = {
    NumberLiteral: _Compiler.number,
    VectorSelector: _Compiler.selection,
    Call: _Compiler.call,
    Negation: _Compiler.negation,
    BinaryOperation: _Compiler.operation,
    Aggregation: _Compiler.aggregation,
}

_SPECIAL: Mapping[str, Callable[[_Compiler, Call], CompiledExpression]] = {
    "absent": _Compiler.absent,
    "absent_over_time": _Compiler.absent_over_time,
    "histogram_quantile": _Compiler.quantile_of_histogram,
    "scalar": _Compiler.to_scalar,
    "time": _Compiler.time,
    "timestamp": _Compiler.timestamp,
    "vector": _Compiler.to_vector,
}
_SCALARS = frozenset({"scalar", "time"})

FUNCTIONS = frozenset({*RANGES, *ELEMENTS, *_SPECIAL})


def _is_scalar(expression: Expression) -> bool:
    match expression:
        case NumberLiteral():
            return True
        case Call(function=function):
            return function in _SCALARS
        case Negation(operand=operand):
            return _is_scalar(operand)
        case BinaryOperation(left=left, right=right):
            return _is_scalar(left) and _is_scalar(right)
        case _:
            return False


def _both(
    operate: Callable[[Any, Any], Value], left: Callable[[int], Any], right: Callable[[int], Any]
) -> CompiledExpression:
    return lambda at: operate(left(at), right(at))


def _skipping_left(
    operate: Callable[[Any, Any], Vector], left: Callable[[int], Vector], right: Callable[[int], Vector]
) -> CompiledExpression:
    """`and`, whose left side is not asked where there is nothing on the right."""

    def only_where(at: int) -> Vector:
        there = right(at)
        return operate(left(at), there) if there else {}

    return only_where


def _may_fail(expression: Expression) -> bool:
    """Whether there are series for which it makes no sense: where vectors are matched or what differs is left out."""
    return any(
        isinstance(node, Aggregation)
        or (isinstance(node, Call) and node.function in _SPECIAL)
        or (isinstance(node, BinaryOperation) and node.operator not in operators.SETS and not _has_scalar(node))
        for node in walk(expression)
    )


def _has_scalar(operation: BinaryOperation) -> bool:
    return _is_scalar(operation.left) or _is_scalar(operation.right)


def _window(call: Call) -> RangeSelector:
    return next(argument for argument in call.arguments if isinstance(argument, RangeSelector))


def _labels_of_absence(asked: Expression) -> Labels:
    """The labels that what is absent would have had for sure: those that the selector gives a value, once."""
    labels: dict[str, str] = {}
    equal: set[str] = set()
    for matcher in asked.matchers if isinstance(asked, VectorSelector) else ():
        if matcher.match is MatchType.EQUAL and matcher.label not in equal:
            labels[matcher.label] = matcher.value
            equal.add(matcher.label)
        else:
            labels.pop(matcher.label, None)
    return tuple(sorted((name, value) for name, value in labels.items() if value))
