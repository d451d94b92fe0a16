"""Results of a backtest. Units: times in Unix milliseconds."""

from array import array
from dataclasses import dataclass, field

from alerts.model import Labels, RuleKey


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fired from `start` to `end`. `open`: it still did at `end`, where the samples end."""

    rule: RuleKey
    labels: Labels
    start: int
    end: int
    open: bool = False
    muted: bool = False  # another alert muted it all the time


@dataclass(frozen=True, slots=True)
class Unknown:
    """A time without samples, and why."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Truths:
    """The values of an alert's expression at the evaluations at which it was true.

    `numbers` count the evaluations of the replay from 0; `values` are the values at these.
    """

    labels: Labels
    numbers: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))


@dataclass(frozen=True, slots=True)
class Replayed:
    """The result of a replay from `start` to `end`. Shape: `firings` in the order of time.

    `times` are those of all evaluations. `failures` has a message for each rule or signal that could not be evaluated.
    """

    start: int
    end: int
    firings: tuple[Firing, ...]
    unknown: tuple[Unknown, ...]
    times: "array[int]"
    truths: dict[RuleKey, tuple[Truths, ...]]
    failures: dict[str, str]
