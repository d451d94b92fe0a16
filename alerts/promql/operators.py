"""The binary operators: arithmetic, comparisons, and the set operators `and`, `or`, `unless`."""

import math
import operator
from collections.abc import Callable, Iterator, Mapping

from alerts.model import Labels
from alerts.promql.syntax_tree import BinaryOperation, Grouping, VectorMatching
from alerts.promql.vectors import EvaluationError, Vector, collect, divide, value_of, without_metric_name


def modulo(dividend: float, divisor: float) -> float:
    """The remainder, with the sign of the dividend; NaN when it is undefined."""
    try:
        return math.fmod(dividend, divisor)
    except ValueError:
        return math.nan


def power(base: float, exponent: float) -> float:
    """The power; infinite on overflow, NaN where it would be complex."""
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
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
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
    keys = {grouping.key(labels) for labels in right}
    return {labels: value for labels, value in left.items() if grouping.key(labels) in keys}


def _difference(left: Vector, right: Vector, grouping: Grouping) -> Vector:
    if not left or not right:
        return left
    keys = {grouping.key(labels) for labels in right}
    return {labels: value for labels, value in left.items() if grouping.key(labels) not in keys}


def _union(left: Vector, right: Vector, grouping: Grouping) -> Vector:
    return {**_difference(right, left, grouping), **left}


SETS: Mapping[str, Callable[[Vector, Vector, Grouping], Vector]] = {
    "and": _intersection,
    "or": _union,
    "unless": _difference,
}

OPERATORS = (*_ARITHMETIC, *COMPARISONS, *SETS)


def calculation(operation: BinaryOperation) -> Callable[[float, float], float]:
    """The function of two values: arithmetic, or 1 and 0 for a comparison."""
    if operation.operator in _ARITHMETIC:
        return _ARITHMETIC[operation.operator]
    compare = COMPARISONS[operation.operator]
    return lambda left, right: float(compare(left, right))


def with_scalar(operation: BinaryOperation, *, scalar_is_left: bool) -> Callable[[Vector, float], Vector]:
    """The function of each sample and a scalar; a comparison keeps the samples for which it is true."""
    filters = is_filter(operation)
    of_two = COMPARISONS[operation.operator] if filters else calculation(operation)
    calculate = (lambda value, scalar: of_two(scalar, value)) if scalar_is_left else of_two
    if filters:
        return lambda vector, scalar: {labels: value for labels, value in vector.items() if calculate(value, scalar)}
    return lambda vector, scalar: collect(
        (without_metric_name(labels), calculate(value, scalar)) for labels, value in vector.items()
    )


def of_vectors(operation: BinaryOperation) -> Callable[[Vector, Vector], Vector]:
    """The function of two vectors. The result raises EvaluationError when a sample matches more than is allowed."""
    matching = operation.matching
    if operation.operator in SETS:
        join = SETS[operation.operator]
        return lambda left, right: join(left, right, matching.grouping)
    if matching.many == "right":
        return lambda left, right: collect(_pairs(operation, right, left, swapped=True)) if left and right else {}
    return lambda left, right: collect(_pairs(operation, left, right, swapped=False)) if left and right else {}


def _pairs(operation: BinaryOperation, many: Vector, one: Vector, *, swapped: bool) -> Iterator[tuple[Labels, float]]:
    matching, filters, calculate = operation.matching, is_filter(operation), calculation(operation)
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
        yield result_labels(operation, labels, other_labels), result


def _unique(one: Vector, grouping: Grouping) -> dict[Labels, tuple[Labels, float]]:
    """The samples of the "one" side by their matching labels. Raises: EvaluationError when two have the same."""
    ones: dict[Labels, tuple[Labels, float]] = {}
    for labels, value in one.items():
        key = grouping.key(labels)
        if key in ones:
            raise EvaluationError(f"many-to-many matching not allowed: {dict(labels)} and {dict(ones[key][0])}")
        ones[key] = labels, value
    return ones


def is_filter(operation: BinaryOperation) -> bool:
    """Whether it keeps the samples for which a comparison is true."""
    return operation.operator in COMPARISONS and not operation.boolean


def result_labels(operation: BinaryOperation, many: Labels, one: Labels) -> Labels:
    """The labels of the result for two matching samples, those of the "many" side first."""
    labels = many if is_filter(operation) else without_metric_name(many)
    if operation.matching.many is None:
        grouping = operation.matching.grouping
        return tuple(pair for pair in labels if (pair[0] in grouping.labels) is grouping.only)
    return _with_included_labels(operation.matching, labels, one)


def _with_included_labels(matching: VectorMatching, labels: Labels, one: Labels) -> Labels:
    """The labels of the "many" side, with the included labels of the "one" side."""
    if not matching.include:
        return labels
    included = ((name, value_of(one, name)) for name in matching.include)
    others = (pair for pair in labels if pair[0] not in matching.include)
    return tuple(sorted((*others, *(pair for pair in included if pair[1]))))
