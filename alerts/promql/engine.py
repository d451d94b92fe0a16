"""Evaluates expressions over the storage at one time, as Prometheus evaluates instant queries.

The same expressions are evaluated at every interval. The engine therefore compiles each expression once into nested
functions: what depends on neither time nor samples is computed at compile time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar, cast

from alerts.model import Labels
from alerts.promql import operators
from alerts.promql.aggregations import aggregate
from alerts.promql.functions import ELEMENTS, histogram_quantile
from alerts.promql.ranges import RANGES, Points
from alerts.promql.storage import Series, Storage, milliseconds, required_history
from alerts.promql.syntax_tree import (
    Aggregation,
    BinaryOperation,
    Expression,
    FunctionCall,
    MatchType,
    Negation,
    NumberLiteral,
    RangeSelector,
    VectorMatching,
    VectorSelector,
    children,
    walk,
)
from alerts.promql.vectors import EvaluationError, Vector, collect, without_metric_name

Value = float | Vector
# Evaluates a compiled expression at a time, Unix milliseconds. Raises: EvaluationError.
_Compiled = Callable[[int], Value]
_CompiledVector = Callable[[int], Vector]
_CompiledScalar = Callable[[int], float]
KEEPS_NAME = "last_over_time"
_Result = TypeVar("_Result")


class Engine:
    """Compiles `expressions` over one storage.

    A subexpression that occurs several times in them is evaluated once per `start_evaluation` and time. PromQL is
    typed, so whether an expression is a scalar is known at compile time.
    """

    def __init__(self, storage: Storage, expressions: Iterable[Expression]) -> None:
        self._storage = storage
        nodes = (node for expression in expressions for node in walk(expression))
        occurrences = Counter(node for node in nodes if not isinstance(node, NumberLiteral))
        self._shared = frozenset(node for node, count in occurrences.items() if count > 1)
        self._compiled: dict[Expression, Callable[[int], Any]] = {}
        self._evaluation = 0

    def start_evaluation(self) -> None:
        """Forget the results of shared subexpressions. Call it after new samples were stored."""
        self._evaluation += 1

    def compile(self, expression: Expression) -> Callable[[float], Vector]:
        """The function that evaluates an expression; a scalar becomes a vector with one sample without labels.

        The function takes a time, Unix seconds, and raises EvaluationError when the expression is invalid for the
        series that exist. Raises: EvaluationError when it is invalid for any series.
        """
        compiled = self._value(expression)

        def evaluate(at: float) -> Vector:
            value = compiled(milliseconds(at))
            return {(): value} if isinstance(value, float) else value

        return evaluate

    def _value(self, expression: Expression) -> _Compiled:
        kind = self._KINDS.get(type(expression))
        if kind is None:
            raise EvaluationError(f"{expression} has no value of its own")
        return self._once(expression, lambda: kind(self, expression))

    def _once(self, expression: Expression, make: Callable[[], Callable[[int], _Result]]) -> Callable[[int], _Result]:
        if expression not in self._shared:
            return make()
        if expression not in self._compiled:
            self._compiled[expression] = self._reused(make())
        return self._compiled[expression]

    def _reused(self, compiled: Callable[[int], _Result]) -> Callable[[int], _Result]:
        """The same function, which runs once per evaluation and time."""
        evaluation = time = -1
        result: _Result

        def evaluate(at: int) -> _Result:
            nonlocal evaluation, time, result
            if time != at or evaluation != self._evaluation:
                result = compiled(at)
                evaluation, time = self._evaluation, at
            return result

        return evaluate

    def _vector(self, expression: Expression) -> _CompiledVector:
        if is_scalar(expression):
            raise EvaluationError(f"{expression} is a scalar where a vector is expected")
        return cast("_CompiledVector", self._value(expression))

    def _scalar(self, expression: Expression) -> _CompiledScalar:
        if not is_scalar(expression):
            raise EvaluationError(f"{expression} is a vector where a scalar is expected")
        return cast("_CompiledScalar", self._value(expression))

    def _number(self, number: NumberLiteral) -> _Compiled:
        value = number.value
        return lambda _: value

    def _selector(self, selector: VectorSelector) -> _Compiled:
        newest = self._newest(selector)
        return lambda at: {series.full_labels: value for series, _, value in newest(at)}

    def _negation(self, negation: Negation) -> _Compiled:
        if is_scalar(negation.operand):
            scalar = self._scalar(negation.operand)
            return lambda at: -scalar(at)
        vector = self._vector(negation.operand)
        return lambda at: collect((without_metric_name(labels), -value) for labels, value in vector(at).items())

    def _operation(self, operation: BinaryOperation) -> _Compiled:
        left, right = operation.left, operation.right
        if is_scalar(operation):
            return _both(operators.calculation(operation), self._scalar(left), self._scalar(right))
        if is_scalar(right):
            operate = operators.with_scalar(operation, scalar_is_left=False)
            return _both(operate, self._vector(left), self._scalar(right))
        if is_scalar(left):
            operate = operators.with_scalar(operation, scalar_is_left=True)
            return _both(operate, self._vector(right), self._scalar(left))
        operate_vectors = operators.of_vectors(operation)
        if operation.operator == "and" and _is_filter(left) and not _may_fail(right):
            return _skipping_right(operate_vectors, self._vector(left), self._vector(right))
        if operation.operator == "and" and not _may_fail(left):
            return _skipping_left(operate_vectors, self._vector(left), self._vector(right))
        return _both(operate_vectors, self._vector(left), self._vector(right))

    def _aggregation(self, aggregation: Aggregation) -> _Compiled:
        operator, grouping = aggregation.operator, aggregation.grouping
        operand = self._vector(aggregation.operand)
        if aggregation.parameter is None:
            return lambda at: aggregate(operator, operand(at), grouping)
        parameter = self._scalar(aggregation.parameter)
        return lambda at: aggregate(operator, operand(at), grouping, parameter(at))

    def _newest(self, selector: VectorSelector) -> Callable[[int], Iterator[tuple[Series, int, float]]]:
        """The samples in force at a time: series, time and value."""
        selected, offset = self._storage.selection(selector), selector.offset

        def newest(at: int) -> Iterator[tuple[Series, int, float]]:
            for series in selected():
                sample = series.newest(at - offset)
                if sample is not None:
                    yield series, *sample

        return newest

    def _points(self, window: RangeSelector) -> Callable[[int], list[Points]]:
        """The samples of each series that has any in the window."""
        selected, offset, length = self._storage.selection(window.selector), window.selector.offset, window.length

        def points(at: int) -> list[Points]:
            start, end = at - offset - length, at - offset
            found = ((series, *series.between(start, end)) for series in selected())
            return [Points(series, first, last, start, end, at) for series, first, last in found if first < last]

        return self._once(window, lambda: points)

    def _call(self, call: FunctionCall) -> _Compiled:
        if call.function in self.SPECIAL:
            return self.SPECIAL[call.function](self, call)
        return self._range_function(call) if call.function in RANGES else self._element_function(call)

    def _range_function(self, call: FunctionCall) -> _Compiled:
        function, window = RANGES[call.function], window_of(call)
        windows = self._points(window)
        scalars = [self._scalar(each) for each in call.arguments if each is not window]
        keeps_name = call.function == KEEPS_NAME

        def evaluate(at: int) -> Vector:
            parameters = [scalar(at) for scalar in scalars]
            results = ((points.series, function(points, *parameters)) for points in windows(at))
            return {
                series.full_labels if keeps_name else series.labels: result
                for series, result in results
                if result is not None
            }

        return evaluate

    def _element_function(self, call: FunctionCall) -> _Compiled:
        function = ELEMENTS[call.function]
        vector, scalars = self._vector(call.arguments[0]), [self._scalar(each) for each in call.arguments[1:]]

        def evaluate(at: int) -> Vector:
            elements = vector(at)
            parameters = [scalar(at) for scalar in scalars]
            results = ((labels, function(value, *parameters)) for labels, value in elements.items())
            return collect((without_metric_name(labels), result) for labels, result in results if result is not None)

        return evaluate

    def _time(self, _: FunctionCall) -> _Compiled:
        return lambda at: at / 1000

    def _to_vector(self, call: FunctionCall) -> _Compiled:
        scalar = self._scalar(call.arguments[0])
        return lambda at: {(): scalar(at)}

    def _to_scalar(self, call: FunctionCall) -> _Compiled:
        operand = self._vector(call.arguments[0])

        def evaluate(at: int) -> float:
            vector = operand(at)
            return next(iter(vector.values())) if len(vector) == 1 else float("nan")

        return evaluate

    def _timestamp(self, call: FunctionCall) -> _Compiled:
        """The time of each sample; the evaluation time for calculated values."""
        argument = call.arguments[0]
        if isinstance(argument, VectorSelector):
            newest = self._newest(argument)
            return lambda at: {series.labels: time / 1000 for series, time, _ in newest(at)}
        vector = self._vector(argument)
        return lambda at: collect((without_metric_name(labels), at / 1000) for labels in vector(at))

    def _absent(self, call: FunctionCall) -> _Compiled:
        vector, labels = self._vector(call.arguments[0]), labels_of_absent(call.arguments[0])
        return lambda at: {} if vector(at) else {labels: 1.0}

    def _absent_over_time(self, call: FunctionCall) -> _Compiled:
        window = window_of(call)
        points, labels = self._points(window), labels_of_absent(window.selector)
        return lambda at: {} if points(at) else {labels: 1.0}

    def _histogram_quantile(self, call: FunctionCall) -> _Compiled:
        phi, buckets = self._scalar(call.arguments[0]), self._vector(call.arguments[1])
        return lambda at: histogram_quantile(phi(at), buckets(at))

    _KINDS: ClassVar[Mapping[type, Callable[["Engine", Any], _Compiled]]] = {
        NumberLiteral: _number,
        VectorSelector: _selector,
        FunctionCall: _call,
        Negation: _negation,
        BinaryOperation: _operation,
        Aggregation: _aggregation,
    }

    # Functions that neither take one window nor map each sample by itself.
    SPECIAL: ClassVar[Mapping[str, Callable[["Engine", FunctionCall], _Compiled]]] = {
        "absent": _absent,
        "absent_over_time": _absent_over_time,
        "histogram_quantile": _histogram_quantile,
        "scalar": _to_scalar,
        "time": _time,
        "timestamp": _timestamp,
        "vector": _to_vector,
    }


_SCALARS = frozenset({"scalar", "time"})

FUNCTIONS = frozenset({*RANGES, *ELEMENTS, *Engine.SPECIAL})


def is_scalar(expression: Expression) -> bool:
    """Whether its value is a scalar, not a vector."""
    match expression:
        case NumberLiteral():
            return True
        case FunctionCall(function=function):
            return function in _SCALARS
        case Negation(operand=operand):
            return is_scalar(operand)
        case BinaryOperation(left=left, right=right):
            return is_scalar(left) and is_scalar(right)
        case _:
            return False


def _both(operate: Callable[[Any, Any], Value], left: Callable[[int], Any], right: Callable[[int], Any]) -> _Compiled:
    return lambda at: operate(left(at), right(at))


def _skipping_left(
    operate: Callable[[Vector, Vector], Vector], left: _CompiledVector, right: _CompiledVector
) -> _CompiledVector:
    """`and`, which evaluates its left side only when the right side has samples: most rules are inactive."""

    def evaluate(at: int) -> Vector:
        samples = right(at)
        return operate(left(at), samples) if samples else {}

    return evaluate


def _skipping_right(
    operate: Callable[[Vector, Vector], Vector], left: _CompiledVector, right: _CompiledVector
) -> _CompiledVector:
    """`and`, which evaluates its right side only when the left side has samples."""

    def evaluate(at: int) -> Vector:
        samples = left(at)
        return operate(samples, right(at)) if samples else {}

    return evaluate


def _is_filter(expression: Expression) -> bool:
    """Whether it selects the latest samples that compare with a number, which is cheap."""
    match expression:
        case BinaryOperation(left=VectorSelector(), right=NumberLiteral(), boolean=False) as operation:
            return operation.operator in operators.COMPARISONS
        case _:
            return False


def _is_of_one_metric(expression: Expression) -> bool:
    """Whether it never has two samples with the same labels, and matches samples by all of their labels only."""
    nodes = tuple(walk(expression))
    return (
        len(required_history([expression])) == 1
        and all(node.matching == VectorMatching() for node in nodes if isinstance(node, BinaryOperation))
        and not any(isinstance(node, Aggregation) for node in nodes)
        and not any(isinstance(node, FunctionCall) and node.function in Engine.SPECIAL for node in nodes)
    )


def _may_fail(expression: Expression) -> bool:
    """Whether series may exist for which it raises: where vectors are matched or labels are removed."""
    return not _is_of_one_metric(expression) and any(
        isinstance(node, Aggregation)
        or (isinstance(node, FunctionCall) and node.function in Engine.SPECIAL)
        or (
            isinstance(node, BinaryOperation)
            and node.operator not in operators.SETS
            and not any(map(is_scalar, children(node)))
        )
        for node in walk(expression)
    )


def window_of(call: FunctionCall) -> RangeSelector:
    """The window of a range function."""
    return next(argument for argument in call.arguments if isinstance(argument, RangeSelector))


def labels_of_absent(selector: Expression) -> Labels:
    """The labels of an absent series, as Prometheus gives them: those that one matcher alone sets by equality."""
    labels: dict[str, str] = {}
    equal: set[str] = set()
    for matcher in selector.matchers if isinstance(selector, VectorSelector) else ():
        if matcher.match is MatchType.EQUAL and matcher.label not in equal:
            labels[matcher.label] = matcher.value
            equal.add(matcher.label)
        else:
            labels.pop(matcher.label, None)
    return tuple(sorted((name, value) for name, value in labels.items() if value))
