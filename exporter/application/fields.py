"""The fields of a payload: their paths, their rules, and the series that they become.

A rule turns one raw JSON value into a number in base units, or raises BadPayload with the expected form. A bad field
spoils itself alone. Messages never repeat text from the application, only kinds and numbers.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from exporter.application.envelope import Ambiguous, Payload
from exporter.core.errors import BadPayload
from exporter.metrics.catalogue import Metric

Rule = Callable[[object], float | None]
Values = Mapping[str, float | None]

# Number.MAX_SAFE_INTEGER of the application's JavaScript: beyond it, adding one no longer changes a number.
# The bound also keeps sums and means finite.
LARGEST_NUMBER = 2.0**53 - 1


@dataclass(frozen=True, slots=True)
class Field:
    """One field that a dialect promises: `path` in dots, and the series it becomes (none: others derive from it)."""

    path: str
    rule: Rule
    metric: Metric | None = None
    labels: tuple[str, ...] = ()


def read(payload: Payload, fields: Iterable[Field]) -> tuple[Values, tuple[str, ...]]:
    """The values of those fields that are well-formed, by path, and one complaint for each that is not.

    Shape: a path is missing from the values when its field is missing or malformed; its value is None when the field
    is well-formed and has nothing to tell (an empty list has no mean). Where a whole object is missing, that is one
    complaint, not one for each field in it.
    """
    values: dict[str, float | None] = {}
    problems: dict[str, None] = {}  # an ordered set
    for field in fields:
        try:
            values[field.path] = _measure(payload, field)
        except BadPayload as error:
            problems[str(error)] = None
    return values, tuple(problems)


def _measure(payload: Payload, field: Field) -> float | None:
    raw = _find(payload, field.path)
    try:
        return field.rule(raw)
    except BadPayload as error:
        raise BadPayload(f"{field.path}: {error}") from error


def _find(payload: Payload, path: str) -> object:
    node: object = payload
    walked: list[str] = []
    for name in path.split("."):
        if not isinstance(node, dict):
            raise BadPayload(f"{'.'.join(walked)}: expected an object, got {_describe(node)}")
        walked.append(name)
        if name not in node:
            raise BadPayload(f"{'.'.join(walked)}: missing")
        node = node[name]
    return node


# --- rules -----------------------------------------------------------------------------------------------------
def flag(value: object) -> float:
    """True is 1, false is 0."""
    if not isinstance(value, bool):
        raise _unfit("true or false", value)
    return float(value)


def count(value: object) -> float:
    """A whole number."""
    return _number(value, "a whole number from 0", whole=True)


def seconds(value: object) -> float:
    """A duration in seconds."""
    return _number(value, "seconds from 0")


def milliseconds(value: object) -> float:
    """A duration in milliseconds, as seconds."""
    return _number(value, "milliseconds from 0") / 1000


def mean_of_milliseconds(value: object) -> float | None:
    """The mean of a list of durations in milliseconds, as seconds; None for an empty list."""
    if not isinstance(value, list):
        raise _unfit("a list of milliseconds", value)
    if not value:
        return None
    # The application sends a thousand at a time: each is looked at by itself only where one of them is not fit.
    fit = set(map(type, value)) == {float} and min(value) >= 0 and max(value) <= LARGEST_NUMBER
    total = math.fsum(value) if fit else math.nan
    return statistics.fmean(milliseconds(item) for item in value) if math.isnan(total) else total / len(value) / 1000


def ratio(value: object) -> float:
    """A ratio from 0 to 1."""
    return _number(value, "a ratio from 0 to 1", largest=1)


def percent(value: object) -> float:
    """A percentage from 0 to 100, as a ratio from 0 to 1."""
    return _number(value, "a percentage from 0 to 100", largest=100) / 100


def moment(value: object) -> float | None:
    """An ISO 8601 time with its zone, as Unix seconds; null has not happened yet."""
    if value is None:
        return None
    try:
        then = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        then = None
    if then is None or then.tzinfo is None or then.timestamp() < 0:
        raise _unfit("an ISO time since 1970 with its zone", value)
    return then.timestamp()


def _number(value: object, expected: str, *, largest: float = LARGEST_NUMBER, whole: bool = False) -> float:
    # Payload numbers are all float, bools are not; NaN fails the comparison.
    if not isinstance(value, float) or not 0 <= value <= largest or (whole and not value.is_integer()):
        raise _unfit(expected, value)
    return value + 0.0  # -0.0 becomes 0.0


def _unfit(expected: str, value: object) -> BadPayload:
    return BadPayload(f"expected {expected}, got {_describe(value)}")


def _describe(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    return _KINDS[type(value)]


_KINDS: dict[type, str] = {
    type(None): "null",
    str: "a string",
    list: "a list",
    dict: "an object",
    Ambiguous: "several values of that name",
}
