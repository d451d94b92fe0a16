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
from alerts.promql.memory import Memory, Series, milliseconds
from alerts.promql.ranges import RANGES, Points
from alerts.promql.syntax import (
    Aggregation,
    Call,
    Expression,
    Match,
    Negation,
    Number,
    Operation,
    Selector,
    Window,
    walk,
)
from alerts.promql.vectors import EvaluationError, Vector, collect, nameless

Value = float | Vector
# What an expression says at a time, in whole milliseconds.
Question = Callable[[int], Value]
_VectorQuestion = Callable[[int], Vector]
_ScalarQuestion = Callable[[int], float]
_KEEPS_NAME = "last_over_time"
_Said = TypeVar("_Said")


def prepare(expression: Expression, memory: Memory) -> Callable[[float], Vector]:
    """The question that an expression is, as rules ask it: a scalar is a vector without labels.

    What comes back takes a time, Unix seconds, and raises EvaluationError when the expression makes no sense for the
    series that there are; `prepare` does when it makes none for any.
    """
    preparation = _Preparation.of(expression, memory)
    question = preparation.question(expression)

    def ask(at: float) -> Vector:
        preparation.asking.begin()
        value = question(milliseconds(at))
        return {(): value} if isinstance(value, float) else value

    return ask


def evaluate(expression: Expression, memory: Memory, at: float) -> Value:
    """The value at this time, Unix seconds: a scalar, or an instant vector.

    Raises: EvaluationError when the expression makes no sense for the series that there are.
    """
    return _Preparation.of(expression, memory).question(expression)(milliseconds(at))


@dataclass(slots=True)
class _Asking:
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
class _Preparation:
    """Makes questions to one memory. Which expressions are scalars is known beforehand: PromQL is typed.

    What is in an expression several times (`repeated`) is one question, which is in `made` as soon as it is known.
    """

    memory: Memory
    repeated: AbstractSet[Expression]
    asking: _Asking = field(default_factory=_Asking)
    made: dict[Expression, Callable[[int], Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, expression: Expression, memory: Memory) -> Self:
        """What makes the question of this expression."""
        times = Counter(node for node in walk(expression) if not isinstance(node, Number))
        return cls(memory, frozenset(node for node, count in times.items() if count > 1))

    def question(self, expression: Expression) -> Question:
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

    def vector(self, expression: Expression) -> _VectorQuestion:
        if _is_scalar(expression):
            raise EvaluationError(f"{expression} is a scalar where a vector is meant")
        return cast("_VectorQuestion", self.question(expression))

    def scalar(self, expression: Expression) -> _ScalarQuestion:
        if not _is_scalar(expression):
            raise EvaluationError(f"{expression} is a vector where a scalar is meant")
        return cast("_ScalarQuestion", self.question(expression))

    def number(self, number: Number) -> Question:
        value = number.value
        return lambda _: value

    def selection(self, selector: Selector) -> Question:
        newest = self._newest(selector)
        return lambda at: {series.named: value for series, _, value in newest(at)}

    def negation(self, negation: Negation) -> Question:
        if _is_scalar(negation.operand):
            scalar = self.scalar(negation.operand)
            return lambda at: -scalar(at)
        vector = self.vector(negation.operand)
        return lambda at: collect((nameless(labels), -value) for labels, value in vector(at).items())

    def operation(self, operation: Operation) -> Question:
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
            return _only_where(operators.of_vectors(operation), self.vector(left), self.vector(right))
        return _both(operators.of_vectors(operation), self.vector(left), self.vector(right))

    def aggregation(self, aggregation: Aggregation) -> Question:
        operator, grouping = aggregation.operator, aggregation.grouping
        operand = self.vector(aggregation.operand)
        if aggregation.parameter is None:
            return lambda at: aggregate(operator, operand(at), grouping)
        parameter = self.scalar(aggregation.parameter)
        return lambda at: aggregate(operator, operand(at), grouping, parameter(at))

    def _newest(self, selector: Selector) -> Callable[[int], Iterator[tuple[Series, int, float]]]:
        """The samples that stand for a moment: series, time and value."""
        selected, offset = self.memory.selection(selector), selector.offset

        def newest(at: int) -> Iterator[tuple[Series, int, float]]:
            for series in selected():
                sample = series.newest(at - offset)
                if sample is not None:
                    yield series, *sample

        return newest

    def _points(self, window: Window) -> Callable[[int], list[tuple[Series, Points]]]:
        return self._once(window, lambda: self._looked_up(window))

    def _looked_up(self, window: Window) -> Callable[[int], list[tuple[Series, Points]]]:
        selected, offset, length = self.memory.selection(window.selector), window.selector.offset, window.length

        def points(at: int) -> list[tuple[Series, Points]]:
            end = at - offset
            found = ((series, *series.between(end - length, end)) for series in selected())
            return [(series, Points(times, values, end - length, end, at)) for series, times, values in found if times]

        return points

    def call(self, call: Call) -> Question:
        if call.function in _SPECIAL:
            return _SPECIAL[call.function](self, call)
        return self._over_time(call) if call.function in RANGES else self._of_each(call)

    def _over_time(self, call: Call) -> Question:
        function, window = RANGES[call.function], _window(call)
        series_and_points = self._points(window)
        scalars = [self.scalar(each) for each in call.arguments if each is not window]
        named = call.function == _KEEPS_NAME

        def over_time(at: int) -> Vector:
            parameters = [scalar(at) for scalar in scalars]
            results = ((series, function(points, *parameters)) for series, points in series_and_points(at))
            return {
                series.named if named else series.labels: result for series, result in results if result is not None
            }

        return over_time

    def _of_each(self, call: Call) -> Question:
        function = ELEMENTS[call.function]
        vector, scalars = self.vector(call.arguments[0]), [self.scalar(each) for each in call.arguments[1:]]

        def of_each(at: int) -> Vector:
            elements = vector(at)
            parameters = [scalar(at) for scalar in scalars]
            results = ((labels, function(value, *parameters)) for labels, value in elements.items())
            return collect((nameless(labels), result) for labels, result in results if result is not None)

        return of_each

    def time(self, _: Call) -> Question:
        return lambda at: at / 1000

    def to_vector(self, call: Call) -> Question:
        scalar = self.scalar(call.arguments[0])
        return lambda at: {(): scalar(at)}

    def to_scalar(self, call: Call) -> Question:
        operand = self.vector(call.arguments[0])

        def to_scalar(at: int) -> float:
            vector = operand(at)
            return next(iter(vector.values())) if len(vector) == 1 else float("nan")

        return to_scalar

    def timestamp(self, call: Call) -> Question:
        """When each sample was taken, which is now for everything that was calculated."""
        asked = call.arguments[0]
        if isinstance(asked, Selector):
            newest = self._newest(asked)
            return lambda at: {series.labels: time / 1000 for series, time, _ in newest(at)}
        vector = self.vector(asked)
        return lambda at: collect((nameless(labels), at / 1000) for labels in vector(at))

    def absent(self, call: Call) -> Question:
        vector, labels = self.vector(call.arguments[0]), _labels_of_absence(call.arguments[0])
        return lambda at: {} if vector(at) else {labels: 1.0}

    def absent_over_time(self, call: Call) -> Question:
        window = _window(call)
        points, labels = self._points(window), _labels_of_absence(window.selector)
        return lambda at: {} if points(at) else {labels: 1.0}

    def quantile_of_histogram(self, call: Call) -> Question:
        share, buckets = self.scalar(call.arguments[0]), self.vector(call.arguments[1])
        return lambda at: histogram_quantile(share(at), buckets(at))


_KINDS: Mapping[type, Callable[[_Preparation, Any], Question]] = {
    Number: _Preparation.number,
    Selector: _Preparation.selection,
    Call: _Preparation.call,
    Negation: _Preparation.negation,
    Operation: _Preparation.operation,
    Aggregation: _Preparation.aggregation,
}

_SPECIAL: Mapping[str, Callable[[_Preparation, Call], Question]] = {
    "absent": _Preparation.absent,
    "absent_over_time": _Preparation.absent_over_time,
    "histogram_quantile": _Preparation.quantile_of_histogram,
    "scalar": _Preparation.to_scalar,
    "time": _Preparation.time,
    "timestamp": _Preparation.timestamp,
    "vector": _Preparation.to_vector,
}
_SCALARS = frozenset({"scalar", "time"})

FUNCTIONS = frozenset({*RANGES, *ELEMENTS, *_SPECIAL})


def _is_scalar(expression: Expression) -> bool:
    match expression:
        case Number():
            return True
        case Call(function=function):
            return function in _SCALARS
        case Negation(operand=operand):
            return _is_scalar(operand)
        case Operation(left=left, right=right):
            return _is_scalar(left) and _is_scalar(right)
        case _:
            return False


def _both(operate: Callable[[Any, Any], Value], left: Callable[[int], Any], right: Callable[[int], Any]) -> Question:
    return lambda at: operate(left(at), right(at))


def _only_where(
    operate: Callable[[Any, Any], Vector], left: Callable[[int], Vector], right: Callable[[int], Vector]
) -> Question:
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
        or (isinstance(node, Operation) and node.operator not in operators.SETS and not _has_scalar(node))
        for node in walk(expression)
    )


def _has_scalar(operation: Operation) -> bool:
    return _is_scalar(operation.left) or _is_scalar(operation.right)


def _window(call: Call) -> Window:
    return next(argument for argument in call.arguments if isinstance(argument, Window))


def _labels_of_absence(asked: Expression) -> Labels:
    """The labels that what is absent would have had for sure: those that the selector gives a value, once."""
    labels: dict[str, str] = {}
    equal: set[str] = set()
    for matcher in asked.matchers if isinstance(asked, Selector) else ():
        if matcher.match is Match.EQUAL and matcher.label not in equal:
            labels[matcher.label] = matcher.value
            equal.add(matcher.label)
        else:
            labels.pop(matcher.label, None)
    return tuple(sorted((name, value) for name, value in labels.items() if value))
