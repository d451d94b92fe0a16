"""A watch, its state and its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from alerts.watch.model.check import Check


class Verdict(StrEnum):
    """The result of a watch, or of one check. The most severe is first."""

    FAIL = "FAIL"  # a budget was exceeded
    INCONCLUSIVE = "INCONCLUSIVE"  # a budget may have been exceeded while values were missing
    PASS = "PASS"  # noqa: S105 - no password; no budget was exceeded, even if all missing values had been bad


class WatchState(StrEnum):
    """The state of a watch: the label of `outbox_watch_state`."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


STATES: Mapping[Verdict, WatchState] = {
    Verdict.PASS: WatchState.PASSED,
    Verdict.FAIL: WatchState.FAILED,
    Verdict.INCONCLUSIVE: WatchState.INCONCLUSIVE,
}


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch. Units: `*_at` Unix seconds; `started`, `closed` seconds on the time line of the history.

    `duration` and `interval` are seconds. `ends_at` is the planned end; it moves when the wall clock is set.
    `decided_at` is the time of the verdict, `closed_at` that of the last tick: after a FAIL, ticks are recorded until
    the planned end. `database` names what was watched, without secrets; empty in watches of builds that did not record
    it. Shape: `sources` has the collectors that each signal and series comes from, by its name.
    """

    number: int
    begun_by: str  # "manual", "migration", or the configured time
    started_at: float
    started: float
    duration: float
    interval: float
    version: str
    checks: tuple[Check, ...]
    ends_at: float
    state: WatchState = WatchState.RUNNING
    decided_at: float | None = None
    closed_at: float | None = None
    closed: float | None = None
    stopped: str = ""  # why it was ended early
    time_scale: float = 1.0
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    database: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None before it is reached."""
        return next((verdict for verdict, state in STATES.items() if state is self.state), None)

    @property
    def is_open(self) -> bool:
        """Whether ticks are still recorded, before or after the verdict."""
        return self.closed_at is None
