"""Evaluates expressions at one moment over the memory, as Prometheus does in an instant query."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
)
from alerts.promql.vectors import EvaluationError, Vector, collect, nameless

Value = float | Vector
_KEEPS_NAME = "last_over_time"


def evaluate(expression: Expression, memory: Memory, at: float) -> Value:
    """The value at this time, Unix seconds: a scalar, or an instant vector.

    Raises: EvaluationError when the expression makes no sense for the series that there are.
    """
    return _Moment(memory, milliseconds(at)).value(expression)


def evaluate_vector(expression: Expression, memory: Memory, at: float) -> Vector:
    """The same as rules have it: a scalar is a vector without labels. Raises: EvaluationError."""
    value = evaluate(expression, memory, at)
    return {(): value} if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class _Moment:
    """The memory as seen at one time."""

    memory: Memory
    at: int

    def value(self, expression: Expression) -> Value:
        kind = _KINDS.get(type(expression))
        if kind is None:
            raise EvaluationError(f"{expression} has no value of its own")
        return kind(self, expression)

    def number(self, number: Number) -> Value:
        return number.value

    def selection(self, selector: Selector) -> Value:
        return {series.named: sample[1] for series, sample in self._newest(selector)}

    def negation(self, negation: Negation) -> Value:
        return _negative(self.value(negation.operand))

    def operation(self, operation: Operation) -> Value:
        return _operate(operation, self.value(operation.left), self.value(operation.right))

    def aggregation(self, aggregation: Aggregation) -> Value:
        parameter = aggregation.parameter
        parameters = () if parameter is None else (self.scalar(parameter),)
        return aggregate(aggregation.operator, self.vector(aggregation.operand), aggregation.grouping, *parameters)

    def vector(self, expression: Expression) -> Vector:
        value = self.value(expression)
        if isinstance(value, float):
            raise EvaluationError(f"{expression} is a scalar where a vector is meant")
        return value

    def scalar(self, expression: Expression) -> float:
        value = self.value(expression)
        if not isinstance(value, float):
            raise EvaluationError(f"{expression} is a vector where a scalar is meant")
        return value

    def _newest(self, selector: Selector) -> Iterator[tuple[Series, tuple[int, float]]]:
        for series in self.memory.select(selector):
            sample = series.newest(self.at - selector.offset)
            if sample is not None:
                yield series, sample

    def _points(self, window: Window) -> Iterator[tuple[Series, Points]]:
        end = self.at - window.selector.offset
        start = end - window.length
        for series in self.memory.select(window.selector):
            times, values = series.between(start, end)
            if times:
                yield series, Points(times, values, start, end, self.at)

    def call(self, call: Call) -> Value:
        if call.function in _SPECIAL:
            return _SPECIAL[call.function](self, call)
        if call.function in RANGES:
            return self._over_time(call)
        vector, *parameters = call.arguments
        return self._each(call.function, self.vector(vector), [self.scalar(each) for each in parameters])

    def _over_time(self, call: Call) -> Vector:
        function = RANGES[call.function]
        window = _window(call)
        scalars = [self.scalar(each) for each in call.arguments if each is not window]
        results = ((series, function(points, *scalars)) for series, points in self._points(window))
        if call.function == _KEEPS_NAME:
            return {series.named: result for series, result in results if result is not None}
        return {series.labels: result for series, result in results if result is not None}

    def _each(self, function: str, vector: Vector, parameters: list[float]) -> Vector:
        results = ((labels, ELEMENTS[function](value, *parameters)) for labels, value in vector.items())
        return collect((nameless(labels), result) for labels, result in results if result is not None)

    def time(self, _: Call) -> float:
        return self.at / 1000

    def to_vector(self, call: Call) -> Vector:
        return {(): self.scalar(call.arguments[0])}

    def to_scalar(self, call: Call) -> float:
        vector = self.vector(call.arguments[0])
        return next(iter(vector.values())) if len(vector) == 1 else float("nan")

    def timestamp(self, call: Call) -> Vector:
        """When each sample was taken, which is now for everything that was calculated."""
        asked = call.arguments[0]
        if isinstance(asked, Selector):
            return {series.labels: sample[0] / 1000 for series, sample in self._newest(asked)}
        return collect((nameless(labels), self.at / 1000) for labels in self.vector(asked))

    def absent(self, call: Call) -> Vector:
        asked = call.arguments[0]
        return {} if self.vector(asked) else {_labels_of_absence(asked): 1.0}

    def absent_over_time(self, call: Call) -> Vector:
        window = _window(call)
        return {} if any(self._points(window)) else {_labels_of_absence(window.selector): 1.0}

    def quantile_of_histogram(self, call: Call) -> Vector:
        share, buckets = call.arguments
        return histogram_quantile(self.scalar(share), self.vector(buckets))


_KINDS: Mapping[type, Callable[[_Moment, Any], Value]] = {
    Number: _Moment.number,
    Selector: _Moment.selection,
    Call: _Moment.call,
    Negation: _Moment.negation,
    Operation: _Moment.operation,
    Aggregation: _Moment.aggregation,
}

_SPECIAL: Mapping[str, Callable[[_Moment, Call], Value]] = {
    "absent": _Moment.absent,
    "absent_over_time": _Moment.absent_over_time,
    "histogram_quantile": _Moment.quantile_of_histogram,
    "scalar": _Moment.to_scalar,
    "time": _Moment.time,
    "timestamp": _Moment.timestamp,
    "vector": _Moment.to_vector,
}

FUNCTIONS = frozenset({*RANGES, *ELEMENTS, *_SPECIAL})


def _window(call: Call) -> Window:
    return next(argument for argument in call.arguments if isinstance(argument, Window))


def _negative(value: Value) -> Value:
    if isinstance(value, float):
        return -value
    return collect((nameless(labels), -each) for labels, each in value.items())


def _operate(operation: Operation, left: Value, right: Value) -> Value:
    if isinstance(left, float):
        if isinstance(right, float):
            return operators.of_scalars(operation, left, right)
        return operators.with_scalar(operation, right, left, scalar_is_left=True)
    if isinstance(right, float):
        return operators.with_scalar(operation, left, right, scalar_is_left=False)
    return operators.of_vectors(operation, left, right)


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
