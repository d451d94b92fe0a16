"""What stands between two expressions: arithmetic, comparisons, and the joining of sets."""

import math
import operator
from collections.abc import Callable, Iterator, Mapping

from alerts.model import Labels
from alerts.promql.syntax_tree import BinaryOperation, Grouping, VectorMatching
from alerts.promql.vectors import EvaluationError, Vector, collect, divide, value_of, without_metric_name


def modulo(dividend: float, divisor: float) -> float:
    """The remainder, with the sign of the dividend; no number when there is none."""
    try:
        return math.fmod(dividend, divisor)
    except ValueError:
        return math.nan


def power(base: float, exponent: float) -> float:
    """The power; infinite where it is too great, no number where it would be complex."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        if base:
            return math.nan
        return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divide,
    "%": modulo,
    "^": power,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def _intersection(left: Vector, right: Vector, grouping: Grouping) -> Vector:
    if not left or not right:
        return {}
    there = {grouping.key(labels) for labels in right}
    return {labels: value for labels, value in left.items() if grouping.key(labels) in there}


def _difference(left: Vector, right: Vector, grouping: Grouping) -> Vector:
    if not left or not right:
        return left
    there = {grouping.key(labels) for labels in right}
    return {labels: value for labels, value in left.items() if grouping.key(labels) not in there}


def _union(left: Vector, right: Vector, grouping: Grouping) -> Vector:
    return {**_difference(right, left, grouping), **left}


SETS: Mapping[str, Callable[[Vector, Vector, Grouping], Vector]] = {
    "and": _intersection,
    "or": _union,
    "unless": _difference,
}

OPERATORS = (*_ARITHMETIC, *_COMPARISONS, *SETS)


def of_scalars(operation: BinaryOperation) -> Callable[[float, float], float]:
    """Makes one scalar of two: arithmetic, or 1 and 0 for a comparison."""
    return _calculation(operation)


def with_scalar(operation: BinaryOperation, *, scalar_is_left: bool) -> Callable[[Vector, float], Vector]:
    """Takes each value together with the scalar; a comparison keeps the values for which it holds."""
    filters = _filters(operation)
    make = _COMPARISONS[operation.operator] if filters else _calculation(operation)
    calculate = (lambda value, scalar: make(scalar, value)) if scalar_is_left else make
    if filters:
        return lambda vector, scalar: {labels: value for labels, value in vector.items() if calculate(value, scalar)}
    return lambda vector, scalar: collect(
        (without_metric_name(labels), calculate(value, scalar)) for labels, value in vector.items()
    )


def of_vectors(operation: BinaryOperation) -> Callable[[Vector, Vector], Vector]:
    """Makes one value of each pair that the matching finds. Raises: EvaluationError when a pair is not unique."""
    matching = operation.matching
    if operation.operator in SETS:
        join = SETS[operation.operator]
        return lambda left, right: join(left, right, matching.grouping)
    if matching.many == "right":
        return lambda left, right: collect(_pairs(operation, right, left, swapped=True)) if left and right else {}
    return lambda left, right: collect(_pairs(operation, left, right, swapped=False)) if left and right else {}


def _pairs(operation: BinaryOperation, many: Vector, one: Vector, *, swapped: bool) -> Iterator[tuple[Labels, float]]:
    matching, filters, calculate = operation.matching, _filters(operation), _calculation(operation)
    ones = _unique(one, matching.grouping)
    matched: set[Labels] = set()
    for labels, value in many.items():
        key = matching.grouping.key(labels)
        if key not in ones:
            continue
        other_labels, other = ones[key]
        left, right = (other, value) if swapped else (value, other)
        result = calculate(left, right)
        if filters:
            if not result:
                continue
            result = left
        if matching.many is None and key in matched:
            raise EvaluationError("multiple matches for labels: many-to-one matching must be explicit")
        matched.add(key)
        yield _result_labels(operation, labels, other_labels), result


def _unique(one: Vector, grouping: Grouping) -> dict[Labels, tuple[Labels, float]]:
    """The side of which each may be there once, by what counts in matching."""
    ones: dict[Labels, tuple[Labels, float]] = {}
    for labels, value in one.items():
        key = grouping.key(labels)
        if key in ones:
            raise EvaluationError(f"many-to-many matching not allowed: {dict(labels)} and {dict(ones[key][0])}")
        ones[key] = labels, value
    return ones


def _filters(operation: BinaryOperation) -> bool:
    return operation.operator in _COMPARISONS and not operation.boolean


def _calculation(operation: BinaryOperation) -> Callable[[float, float], float]:
    """What it makes of two values; a comparison 1 or 0."""
    if operation.operator in _ARITHMETIC:
        return _ARITHMETIC[operation.operator]
    holds = _COMPARISONS[operation.operator]
    return lambda left, right: float(holds(left, right))


def _result_labels(operation: BinaryOperation, many: Labels, one: Labels) -> Labels:
    labels = many if _filters(operation) else without_metric_name(many)
    if operation.matching.many is None:
        return _one_to_one(operation.matching, labels)
    return _with_included_labels(operation.matching, labels, one)


def _one_to_one(matching: VectorMatching, labels: Labels) -> Labels:
    grouping = matching.grouping
    return tuple(pair for pair in labels if (pair[0] in grouping.labels) is grouping.only)


def _with_included_labels(matching: VectorMatching, labels: Labels, one: Labels) -> Labels:
    """The labels of the many, with those that the one lends them."""
    if not matching.include:
        return labels
    lent = ((name, value_of(one, name)) for name in matching.include)
    kept = (pair for pair in labels if pair[0] not in matching.include)
    return tuple(sorted((*kept, *(pair for pair in lent if pair[1]))))
