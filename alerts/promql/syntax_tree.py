"""What an expression is made of: our own plain tree, so that the engine depends on no parser's.

Times and lengths are whole milliseconds, as inside Prometheus. A tree holds only what the engine can evaluate.
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
    """A condition on one label; a label that is missing has the empty value. `pattern` is that of the likes."""

    label: str
    match: MatchType
    value: str
    pattern: re.Pattern[str] | None = field(default=None, compare=False)

    def matches(self, value: str) -> bool:
        """Whether a label of this value passes."""
        if self.pattern is not None:
            return (self.pattern.fullmatch(value) is not None) is (self.match is MatchType.REGEX)
        return (value == self.value) is (self.match is MatchType.EQUAL)


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """The newest samples of the metric, `offset` milliseconds ago."""

    metric: str
    matchers: tuple[Matcher, ...] = ()
    offset: int = 0

    def matches(self, labels: Labels) -> bool:
        """Whether a series of these labels is meant."""
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
class Call:
    """A function at work."""

    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The minus before an expression."""

    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which labels count: these alone (`on`, `by`), or all but these (`ignoring`, `without`)."""

    labels: frozenset[str] = frozenset()
    only: bool = False

    def key(self, labels: Labels) -> Labels:
        """The labels that count; the metric's name does only where it is listed."""
        if self.only:
            return tuple([pair for pair in labels if pair[0] in self.labels])
        return tuple([pair for pair in labels if pair[0] not in self.labels and pair[0] != NAME])


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """How the two sides of an operation find each other.

    `many` is the side that may have several for one of the other (`left`, `right`), which then lends it `include`.
    """

    grouping: Grouping = Grouping()
    many: str | None = None
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BinaryOperation:
    """Two operands and what is between them; `boolean` is the modifier of comparisons."""

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


Expression = NumberLiteral | VectorSelector | RangeSelector | Call | Negation | BinaryOperation | Aggregation


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions that this one is directly made of."""
    match expression:
        case Call(arguments=arguments):
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
    """The expression and all that it is made of. A window counts as one, without its selector."""
    yield expression
    for child in children(expression):
        yield from walk(child)
