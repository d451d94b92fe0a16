"""Evaluates expressions over the storage at many times at once, as Prometheus evaluates range queries.

Each node is evaluated at all times before the next one, so that series are selected and labels are matched once and not
once per time. The functions of values are those of the engine.
"""

import math
import operator
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, ClassVar

from alerts.model import Labels
from alerts.promql import operators
from alerts.promql.aggregations import AGGREGATIONS
from alerts.promql.engine import KEEPS_NAME, is_scalar, labels_of_absent, window_of
from alerts.promql.functions import ELEMENTS, bucket_bound, quantile_of_buckets
from alerts.promql.ranges import RANGES
from alerts.promql.storage import Series, Storage
from alerts.promql.syntax_tree import (
    LE,
    NAME,
    Aggregation,
    BinaryOperation,
    Expression,
    FunctionCall,
    Grouping,
    Negation,
    NumberLiteral,
    RangeSelector,
    VectorSelector,
    walk,
)
from alerts.promql.vectors import EvaluationError, Vector, value_of, without_metric_name
from alerts.promql.windows import Bounds, Column, RunningTotals, Windows, newest_samples, over_windows

# Columns by labels; the metric's name is among the labels until an operation removes it. Every column has values.
Matrix = dict[Labels, Column]
_Scalars = Sequence[float]
# Aggregations that return the value of a single sample.
_OF_ONE = frozenset({"sum", "min", "max", "avg"})


class ColumnEvaluation:
    """Evaluates expressions at `times`, ascending Unix milliseconds, at least one.

    Samples of a metric must not be added after an expression has selected it.
    """

    def __init__(self, storage: Storage, times: Sequence[int]) -> None:
        self._storage = storage
        self._times = array("q", times)
        self._newest: dict[VectorSelector, list[tuple[Series, Sequence[int | None]]]] = {}
        self._range_functions: dict[FunctionCall, Matrix] = {}
        self._totals: dict[int, RunningTotals] = {}
        self._bounds: dict[tuple[int, int], tuple[array[int], list[Bounds]]] = {}

    def evaluate(self, expression: Expression) -> Matrix:
        """The values of an expression at each time; a scalar is a series without labels.

        Raises: EvaluationError when the expression is invalid for the series that exist at any of the times.
        """
        return {(): list(self._scalar(expression))} if is_scalar(expression) else self._vector(expression)

    def _vector(self, expression: Expression) -> Matrix:
        kind = self._KINDS.get(type(expression))
        if kind is None or is_scalar(expression):
            raise EvaluationError(f"{expression} is not a vector")
        return kind(self, expression)

    def _scalar(self, expression: Expression) -> _Scalars:
        match expression:
            case NumberLiteral(value=value):
                return [value] * len(self._times)
            case FunctionCall(function="time"):
                return [at / 1000 for at in self._times]
            case FunctionCall(function="scalar", arguments=(operand,)):
                return [
                    each if each is not None else float("nan")
                    for each in _only_values(self._vector(operand), self._times)
                ]
            case Negation(operand=operand) if is_scalar(operand):
                return [-each for each in self._scalar(operand)]
            case BinaryOperation(left=left, right=right) if is_scalar(expression):
                return list(map(operators.calculation(expression), self._scalar(left), self._scalar(right)))
            case _:
                raise EvaluationError(f"{expression} is not a scalar")

    # --- selectors and functions

    def _samples(self, selector: VectorSelector) -> list[tuple[Series, Sequence[int | None]]]:
        """Each series with the index of its sample at each time."""
        if selector not in self._newest:
            times = self._shifted(selector.offset)
            self._newest[selector] = [
                (series, newest_samples(series, times))
                for series in self._storage.selection(selector)()
                if series.times
            ]
        return self._newest[selector]

    def _shifted(self, offset: int) -> "array[int]":
        return array("q", [at - offset for at in self._times]) if offset else self._times

    def _selector(self, selector: VectorSelector) -> Matrix:
        return _matrix((series.full_labels, _at(series.values, indexes)) for series, indexes in self._samples(selector))

    def _call(self, call: FunctionCall) -> Matrix:
        if call.function in self._SPECIAL:
            return self._SPECIAL[call.function](self, call)
        if call.function not in RANGES:
            return self._element_function(call)
        if call not in self._range_functions:
            self._range_functions[call] = self._range_function(call)
        return self._range_functions[call]

    def _range_function(self, call: FunctionCall) -> Matrix:
        window = window_of(call)
        parameters = [self._scalar(each) for each in call.arguments if each is not window]
        keeps_name = call.function == KEEPS_NAME
        return _matrix(
            (
                series.full_labels if keeps_name else series.labels,
                over_windows(call.function, self._running_totals(series), windows, bounds, parameters),
            )
            for series, windows, bounds in self._windows(window)
        )

    def _windows(self, window: RangeSelector) -> Iterator[tuple[Series, Windows, list[Bounds]]]:
        """The windows of each series. Most series have samples at the same times."""
        offset, length = window.selector.offset, window.length
        windows = Windows(self._times, self._shifted(offset), length)
        for series in self._storage.selection(window.selector)():
            known = self._bounds.get((offset, length))
            if known is None or known[0] != series.times:
                known = self._bounds[offset, length] = series.times[:], windows.bounds(series.times)
            yield series, windows, known[1]

    def _running_totals(self, series: Series) -> RunningTotals:
        if id(series) not in self._totals:
            self._totals[id(series)] = RunningTotals(series)
        return self._totals[id(series)]

    def _element_function(self, call: FunctionCall) -> Matrix:
        scalars = [self._scalar(each) for each in call.arguments[1:]]
        return _of_each(self._vector(call.arguments[0]), ELEMENTS[call.function], *scalars)

    def _to_vector(self, call: FunctionCall) -> Matrix:
        return {(): list(self._scalar(call.arguments[0]))}

    def _timestamp(self, call: FunctionCall) -> Matrix:
        """The time of each sample; the evaluation time for calculated values."""
        argument = call.arguments[0]
        if isinstance(argument, VectorSelector):
            return _matrix(
                (series.labels, _at([at / 1000 for at in series.times], indexes))
                for series, indexes in self._samples(argument)
            )
        now = [at / 1000 for at in self._times]
        return _of_each(self._vector(argument), lambda _, at: at, now)

    def _absent(self, call: FunctionCall) -> Matrix:
        return self._where_absent(self._vector(call.arguments[0]), labels_of_absent(call.arguments[0]))

    def _absent_over_time(self, call: FunctionCall) -> Matrix:
        window = window_of(call)
        present = self._range_function(FunctionCall("present_over_time", (window,)))
        return self._where_absent(present, labels_of_absent(window.selector))

    def _where_absent(self, matrix: Matrix, labels: Labels) -> Matrix:
        return _matrix([(labels, [None if any_value else 1.0 for any_value in _presence(matrix, self._times)])])

    def _histogram_quantile(self, call: FunctionCall) -> Matrix:
        phi, histograms = self._scalar(call.arguments[0]), dict[Labels, list[tuple[float, Column]]]()
        for labels, counts in self._vector(call.arguments[1]).items():
            bound = bucket_bound(value_of(labels, LE))
            if bound is not None:
                rest = tuple(pair for pair in labels if pair[0] not in (LE, NAME))
                histograms.setdefault(rest, []).append((bound, counts))
        return _matrix((labels, _quantiles(phi, buckets)) for labels, buckets in histograms.items())

    # --- operators

    def _negation(self, negation: Negation) -> Matrix:
        return _of_each(self._vector(negation.operand), operator.neg)

    def _aggregation(self, aggregation: Aggregation) -> Matrix:
        groups: dict[Labels, list[Column]] = {}
        for labels, column in self._vector(aggregation.operand).items():
            groups.setdefault(aggregation.grouping.key(labels), []).append(column)
        scalars = [self._scalar(aggregation.parameter)] if aggregation.parameter is not None else []
        function = AGGREGATIONS[aggregation.operator]

        def aggregated(columns: list[Column]) -> Column:
            if len(columns) == 1 and aggregation.operator in _OF_ONE:
                return columns[0]
            rows = ([value for value in row if value is not None] for row in zip(*columns, strict=True))
            if not scalars:
                return [function(row) if row else None for row in rows]
            return [function(row, phi) if row else None for row, phi in zip(rows, scalars[0], strict=True)]

        return {labels: aggregated(columns) for labels, columns in groups.items()}

    def _operation(self, operation: BinaryOperation) -> Matrix:
        left, right = operation.left, operation.right
        if operation.operator in operators.SETS:
            return self._SETS[operation.operator](self, operation)
        if is_scalar(right):
            return _with_scalar(operation, self._vector(left), self._scalar(right), swapped=False)
        if is_scalar(left):
            return _with_scalar(operation, self._vector(right), self._scalar(left), swapped=True)
        return _matrix(self._pairs(operation))

    def _pairs(self, operation: BinaryOperation) -> Iterator[tuple[Labels, Column]]:
        """The operation on each pair of matching series; time by time where a series has several matches at once."""
        matching, swapped = operation.matching, operation.matching.many == "right"
        left, right = (_grouped(self._vector(each), matching.grouping) for each in (operation.left, operation.right))
        for key in left.keys() & right.keys():
            many, one = (right[key], left[key]) if swapped else (left[key], right[key])
            if not _is_one_at_a_time(one) or not (matching.many or _is_one_at_a_time(many)):
                yield from self._by_time(operation, left[key], right[key]).items()
                continue
            for (labels, column), (other_labels, other) in product(many.items(), one.items()):
                values = (other, column) if swapped else (column, other)
                yield operators.result_labels(operation, labels, other_labels), _calculated(operation, *values)

    def _by_time(self, operation: BinaryOperation, left: Matrix, right: Matrix) -> Matrix:
        """An operation evaluated time by time, as the engine does."""
        operate, matrix = operators.of_vectors(operation), Matrix()
        for number in range(len(self._times)):
            for labels, value in operate(_vector_at(left, number), _vector_at(right, number)).items():
                matrix.setdefault(labels, [None] * len(self._times))[number] = value
        return matrix

    def _and(self, operation: BinaryOperation) -> Matrix:
        """The side that costs less is evaluated first, and the other one only at times at which that has samples."""
        is_left_first = _cost(operation.left) <= _cost(operation.right)
        first = self._vector(operation.left if is_left_first else operation.right)
        second = self._where(_presence(first, self._times), operation.right if is_left_first else operation.left)
        left, right = (first, second) if is_left_first else (second, first)
        return self._filtered(operation, left, right, present=True)

    def _unless(self, operation: BinaryOperation) -> Matrix:
        left = self._vector(operation.left)
        return self._filtered(
            operation, left, self._where(_presence(left, self._times), operation.right), present=False
        )

    def _or(self, operation: BinaryOperation) -> Matrix:
        left, right = self._vector(operation.left), self._vector(operation.right)
        others = self._filtered(operation, right, left, present=False)
        return _matrix([*left.items(), *others.items()])

    def _where(self, wanted: Sequence[bool], expression: Expression) -> Matrix:
        """The values of an expression at the wanted times, if they are few; otherwise at all times."""
        positions = [number for number, is_wanted in enumerate(wanted) if is_wanted]
        if not positions:
            return {}
        if 2 * len(positions) > len(wanted):
            return self._vector(expression)
        part = ColumnEvaluation(self._storage, [self._times[number] for number in positions])
        part._totals = self._totals
        spread: Matrix = {}
        for labels, column in part._vector(expression).items():
            spread[labels] = [None] * len(wanted)
            for number, value in zip(positions, column, strict=True):
                spread[labels][number] = value
        return spread

    def _filtered(self, operation: BinaryOperation, matrix: Matrix, other: Matrix, *, present: bool) -> Matrix:
        """The values for which a matching series of `other` is present, or is not."""
        grouping = operation.matching.grouping
        groups = {key: _presence(group, self._times) for key, group in _grouped(other, grouping).items()}

        def kept(labels: Labels, column: Column) -> Column:
            found = groups.get(grouping.key(labels))
            if found is None:
                return [] if present else column
            return [value if is_found is present else None for value, is_found in zip(column, found, strict=True)]

        return _matrix((labels, kept(labels, column)) for labels, column in matrix.items())

    _KINDS: ClassVar[Mapping[type, Callable[["ColumnEvaluation", Any], Matrix]]] = {
        VectorSelector: _selector,
        FunctionCall: _call,
        Negation: _negation,
        BinaryOperation: _operation,
        Aggregation: _aggregation,
    }
    _SPECIAL: ClassVar[Mapping[str, Callable[["ColumnEvaluation", FunctionCall], Matrix]]] = {
        "absent": _absent,
        "absent_over_time": _absent_over_time,
        "histogram_quantile": _histogram_quantile,
        "timestamp": _timestamp,
        "vector": _to_vector,
    }
    _SETS: ClassVar[Mapping[str, Callable[["ColumnEvaluation", BinaryOperation], Matrix]]] = {
        "and": _and,
        "or": _or,
        "unless": _unless,
    }


def without_names(matrix: Matrix) -> Matrix:
    """The columns without metric names. Raises: EvaluationError when two with the same labels have values at a time."""
    return _matrix((without_metric_name(labels), column) for labels, column in matrix.items())


def _matrix(columns: Iterable[tuple[Labels, Column]]) -> Matrix:
    """The columns that have values; those with the same labels are joined.

    Raises: EvaluationError when two of them have a value at the same time.
    """
    matrix: Matrix = {}
    for labels, column in columns:
        if column.count(None) == len(column):
            continue
        matrix[labels] = _joined(labels, matrix[labels], column) if labels in matrix else column
    return matrix


def _joined(labels: Labels, one: Column, other: Column) -> Column:
    if any(a is not None and b is not None for a, b in zip(one, other, strict=True)):
        raise EvaluationError(f"vector cannot contain metrics with the same labelset: {dict(labels)}")
    return [b if a is None else a for a, b in zip(one, other, strict=True)]


def _of_each(vector: Matrix, function: Callable[..., float | None], *scalars: _Scalars) -> Matrix:
    """A function of each value, and of the scalars at its time."""

    def results(column: Column) -> Column:
        if not scalars:
            return [None if value is None else function(value) for value in column]
        rows = zip(column, *scalars, strict=True)
        return [None if value is None else function(value, *parameters) for value, *parameters in rows]

    return _matrix((without_metric_name(labels), results(column)) for labels, column in vector.items())


def _with_scalar(operation: BinaryOperation, vector: Matrix, scalar: _Scalars, *, swapped: bool) -> Matrix:
    if not operators.is_filter(operation):
        calculate = operators.calculation(operation)
        return _of_each(vector, (lambda value, number: calculate(number, value)) if swapped else calculate, scalar)
    compare = operators.COMPARISONS[operation.operator]
    holds = (lambda value, number: compare(number, value)) if swapped else compare

    def kept(column: Column) -> Column:
        rows = zip(column, scalar, strict=True)
        return [value if value is not None and holds(value, number) else None for value, number in rows]

    return _matrix((labels, kept(column)) for labels, column in vector.items())


def _vector_at(matrix: Matrix, number: int) -> Vector:
    return {labels: value for labels, column in matrix.items() if (value := column[number]) is not None}


def _at(values: Sequence[float], indexes: Sequence[int | None]) -> Column:
    if isinstance(indexes, range):
        return list(values[indexes.start : indexes.stop])
    return [None if index is None else values[index] for index in indexes]


def _grouped(matrix: Matrix, grouping: Grouping) -> dict[Labels, Matrix]:
    groups: dict[Labels, Matrix] = {}
    for labels, column in matrix.items():
        groups.setdefault(grouping.key(labels), {})[labels] = column
    return groups


def _presence(matrix: Matrix, times: Sequence[int]) -> list[bool]:
    """Whether there is any value, at each time."""
    if not matrix:
        return [False] * len(times)
    if len(matrix) == 1:
        return [value is not None for column in matrix.values() for value in column]
    return [row.count(None) < len(row) for row in zip(*matrix.values(), strict=True)]


def _only_values(matrix: Matrix, times: Sequence[int]) -> Iterator[float]:
    """The value of the only sample at each time; NaN where there is not exactly one."""
    for number in range(len(times)):
        values = [value for column in matrix.values() if (value := column[number]) is not None]
        yield values[0] if len(values) == 1 else math.nan


def _calculated(operation: BinaryOperation, left: Column, right: Column) -> Column:
    if operators.is_filter(operation):
        compare = operators.COMPARISONS[operation.operator]
        return [
            a if a is not None and b is not None and compare(a, b) else None for a, b in zip(left, right, strict=True)
        ]
    calculate = operators.calculation(operation)
    return [None if a is None or b is None else calculate(a, b) for a, b in zip(left, right, strict=True)]


def _quantiles(phi: _Scalars, buckets: list[tuple[float, Column]]) -> Column:
    """The quantile of one histogram at each time; `buckets` are upper bounds with counts."""
    ordered = sorted(buckets, key=lambda bucket: bucket[0])
    bounds, rows = [bound for bound, _ in ordered], zip(*(counts for _, counts in ordered), strict=True)
    found: Column = []
    for number, row in enumerate(rows):
        present = [(bound, count) for bound, count in zip(bounds, row, strict=True) if count is not None]
        is_empty = 0 <= phi[number] <= 1 and not any(row)  # nothing is counted
        quantile = math.nan if is_empty else quantile_of_buckets(phi[number], sorted(present)) if present else None
        found.append(quantile if present else None)
    return found


def _cost(expression: Expression) -> tuple[int, bool]:
    """What decides about the cost: the number of windows, and whether a comparison leaves few samples."""
    windows = sum(isinstance(node, RangeSelector) for node in walk(expression))
    return windows, not (isinstance(expression, BinaryOperation) and operators.is_filter(expression))


def _is_one_at_a_time(matrix: Matrix) -> bool:
    """Whether no two series have a value at the same time."""
    return len(matrix) == 1 or all(len(row) - row.count(None) <= 1 for row in zip(*matrix.values(), strict=True))
