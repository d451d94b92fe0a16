"""One evaluation as the watch stores it: values, failed collectors, alerts, declared maintenance.

A time is kept twice. `at` is Unix seconds by the wall clock, for people. `elapsed` is seconds since the watch began, by
a clock that nobody can set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why values are missing."""

    EXPORTER_DOWN = "exporter down"
    EXPORTER_STOPPED = "exporter stopped"
    EXPORTER_STALLED = "exporter held up"  # it ran without evaluating: suspended, or short of processor time
    NOT_WRITTEN = "state directory not writable"
    STARTING = "not sampled yet"
    UNREACHABLE = "database unreachable"
    LOGIN_REFUSED = "database refuses the login"
    LOCK = "table locked"
    TIMEOUT = "database too slow"
    NOT_VISIBLE = "rows not visible"
    STANDBY = "a standby answered"  # its rows are no evidence about the primary, however fresh they are
    SCHEMA = "schema not as expected"
    APPLICATION = "application gives no answer"
    INTERNAL = "internal error"


@dataclass(frozen=True, slots=True)
class CollectorProblem:
    """A collector whose last run failed. `stale`: its earlier results no longer count."""

    collector: str
    cause: Cause
    stale: bool


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A transition of an alert: `change` is pending, firing, resolved or dropped."""

    change: str
    rule: str
    labels: Mapping[str, str]
    value: float
    description: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """One evaluation. Shape: `values` has the known signals and raw series by name.

    `elapsed` counts from the begin of the watch, or of the history where there is no watch. `run` numbers the process
    of the exporter; `interval` is its evaluation interval, seconds. `before` is the cause of a gap before this tick.
    `firing` and `held` are the rules of firing alerts; the signals of `held` ones are unknown. `maintenance` is None
    when the declaration cannot be read. `step` is by how many seconds the wall clock was set since the previous tick.
    """

    at: float
    elapsed: float
    run: int
    interval: float
    values: Mapping[str, float]
    problems: tuple[CollectorProblem, ...] = ()
    firing: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    maintenance: bool | None = False
    maintenance_reason: str = ""
    before: Cause = Cause.EXPORTER_STALLED
    step: float = 0.0
    changes: tuple[AlertChange, ...] = ()

    def known(self, collectors: frozenset[str]) -> bool:
        """Whether the results of all these collectors count."""
        return not any(problem.stale and problem.collector in collectors for problem in self.problems)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A part of the watch. Units: `started_at` and `ended_at` Unix seconds, `started` elapsed seconds.

    `seconds` is its length by the clock that nobody can set.
    """

    started_at: float
    ended_at: float
    started: float
    seconds: float

    @classmethod
    def between(cls, first: Tick, last: Tick) -> "TimeSpan":
        """From one tick to a later one."""
        return cls(first.at, last.at, first.elapsed, last.elapsed - first.elapsed)
