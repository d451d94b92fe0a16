"""The syntax tree of an expression: independent of the parser, and limited to what the engine can evaluate.

Units: times and lengths are whole milliseconds, as inside Prometheus.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from alerts.model import Labels

NAME = "__name__"
# The bucket label of histograms.
LE = "le"


class MatchType(StrEnum):
    """How a label's value is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; a missing label has the empty value. `pattern` is set for the regular expressions."""

    label: str
    match: MatchType
    value: str
    pattern: re.Pattern[str] | None = field(default=None, compare=False)

    def matches(self, value: str) -> bool:
        """Whether a label with this value matches."""
        if self.pattern is not None:
            return (self.pattern.fullmatch(value) is not None) is (self.match is MatchType.REGEX)
        return (value == self.value) is (self.match is MatchType.EQUAL)


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """The newest samples of the metric, `offset` milliseconds ago."""

    metric: str
    matchers: tuple[Matcher, ...] = ()
    offset: int = 0

    def matches(self, labels: Labels) -> bool:
        """Whether a series with these labels is selected."""
        if not self.matchers:
            return True
        values = dict(labels)
        return all(matcher.matches(values.get(matcher.label, "")) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class RangeSelector:
    """All samples of the last `length` milliseconds."""

    selector: VectorSelector
    length: int


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function with its arguments."""

    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Grouping:
    """The labels to group by: `labels` alone (`on`, `by`), or all others (`ignoring`, `without`)."""

    labels: frozenset[str] = frozenset()
    only: bool = False

    def key(self, labels: Labels) -> Labels:
        """The labels to group by, without the metric's name unless it is listed."""
        if self.only:
            return tuple([pair for pair in labels if pair[0] in self.labels]) if self.labels else ()
        return tuple([pair for pair in labels if pair[0] not in self.labels and pair[0] != NAME])


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """How the samples of the two sides of an operation are matched.

    `many` is the side, `left` or `right`, that may have several samples for one of the other side. It takes the labels
    `include` from the other side.
    """

    grouping: Grouping = Grouping()
    many: str | None = None
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BinaryOperation:
    """A binary operator with its operands; `boolean` is the modifier `bool` of comparisons."""

    operator: str
    left: "Expression"
    right: "Expression"
    boolean: bool = False
    matching: VectorMatching = VectorMatching()


@dataclass(frozen=True, slots=True)
class Aggregation:
    """One value for each group. `parameter` is that of `quantile`."""

    operator: str
    operand: "Expression"
    grouping: Grouping
    parameter: "Expression | None" = None


Expression = NumberLiteral | VectorSelector | RangeSelector | FunctionCall | Negation | BinaryOperation | Aggregation


def children(expression: Expression) -> tuple[Expression, ...]:
    """The direct subexpressions."""
    match expression:
        case FunctionCall(arguments=arguments):
            return arguments
        case Negation(operand=operand):
            return (operand,)
        case BinaryOperation(left=left, right=right):
            return left, right
        case Aggregation(operand=operand, parameter=parameter):
            return (operand,) if parameter is None else (parameter, operand)
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and all its subexpressions. A range selector counts as one, without its vector selector."""
    yield expression
    for child in children(expression):
        yield from walk(child)
