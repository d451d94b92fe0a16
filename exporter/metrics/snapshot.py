"""The snapshot: the latest result of every collector, and when it expires.

Sampling threads and scrapes share the snapshot store alone. Sampling writes whole immutable states; a scrape reads
them and computes only their age.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Lock

from exporter.core.errors import APPLICATION_REASONS, DATABASE_REASONS, Reason
from exporter.metrics.catalogue import Metric
from exporter.metrics.readings import CollectorFailure, CollectorNotice, CollectorRun, DatabaseServer, Readings

# A result expires after so many intervals: two missed samples may be chance.
EXPIRY_INTERVALS = 3
# The default of sampling.interval, seconds.
DEFAULT_INTERVAL = 15.0
# With one of these there is no session, for no collector. A standby that is too far behind answers, but is of no more
# use than a server that does not.
_NO_SESSION = frozenset({Reason.CONNECTION, Reason.AUTHENTICATION})
_OUTAGE = _NO_SESSION | {Reason.STALE}
# The cost of a collector is the mean of so many successes: fewer are chance, more are out of date.
COST_SAMPLES = 4


class CollectorTarget(StrEnum):
    """The target of a collector."""

    DATABASE = "database"
    # The database's catalogue: it may be readable when rows are not.
    CATALOGUE = "catalogue"
    # A file of the state directory, which can be read whatever state the database is in.
    STATE_FILE = "ledger"
    APPLICATION = "application"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons for which a sample of it can fail."""
        return APPLICATION_REASONS if self is CollectorTarget.APPLICATION else DATABASE_REASONS


_RENEWED_BY_DATABASE = frozenset({CollectorTarget.DATABASE, CollectorTarget.CATALOGUE})


@dataclass(frozen=True, slots=True)
class CollectorState:
    """Everything known about one collector.

    Units: `interval`, `duration` and `costs`, of the latest successes, seconds; `succeeded_at` Unix seconds;
    `expires`, `unreachable`, `answered` and `outage_limit`, until when an outage lets the readings be shown, seconds of
    the monotonic clock. Shape: None where it never happened.
    `unreachable` is when the database was last found not to answer, or a standby that is too far behind to be sampled;
    `answered` is when `server` last did, sampled or not.
    """

    name: str
    target: CollectorTarget
    interval: float
    runs: int = 0
    skipped: int = 0
    failures: Mapping[Reason, int] = field(default_factory=dict)
    readings: Readings = ()
    notices: tuple[CollectorNotice, ...] = ()
    unknown: Mapping[Metric, str] = field(default_factory=dict)
    expires: float | None = None
    outage_limit: float = math.inf
    success: bool | None = None
    problems: tuple[CollectorFailure, ...] = ()
    duration: float | None = None
    succeeded_at: float | None = None
    succeeded: float | None = None
    unreachable: float | None = None
    costs: tuple[float, ...] = ()
    server: DatabaseServer | None = None
    answered: float | None = None
    definitions: Mapping[str, int] = field(default_factory=dict)

    def fresh(self, now: float) -> bool:
        """Whether the readings have not expired at this time of the monotonic clock, seconds."""
        return self.expires is not None and now <= min(self.expires, self.outage_limit)

    def costs_with(self, run: CollectorRun) -> tuple[float, ...]:
        """The costs of the latest successes, with this run, seconds."""
        return (*self.costs, run.cost)[-COST_SAMPLES:]

    def after(self, run: CollectorRun, interval: float, step: float = DEFAULT_INTERVAL) -> "CollectorState":
        """The state once this run has finished and the next begins `interval` seconds after it began.

        `step` is the sampling interval, seconds, which may differ from the collector's own.
        """
        failures = dict(self.failures)
        for failure in run.outcome.failures:
            failures[failure.reason] = failures.get(failure.reason, 0) + 1
        succeeded = run.succeeded
        brought = succeeded or bool(run.outcome.readings)
        server = run.outcome.server
        return replace(
            self,
            interval=interval,
            runs=self.runs + 1,
            failures=failures,
            readings=run.outcome.readings if brought else self.readings,
            notices=run.outcome.notices if brought else self.notices,
            unknown=run.outcome.unknown if brought else self.unknown,
            expires=_renewed(run, interval, step) if brought else _not_renewed(self.expires, run, step),
            success=succeeded,
            problems=run.outcome.failures,
            duration=run.duration,
            succeeded_at=run.finished_at if succeeded else self.succeeded_at,
            succeeded=run.finished if succeeded else self.succeeded,
            unreachable=run.finished if _is_outage(run) else self.unreachable,
            costs=self.costs_with(run) if succeeded else self.costs,
            server=server or self.server,
            answered=run.finished if server else self.answered,
            definitions=run.outcome.definitions or self.definitions,
        )


def _is_outage(run: CollectorRun) -> bool:
    return any(failure.reason in _OUTAGE for failure in run.outcome.failures)


def _renewed(run: CollectorRun, interval: float, step: float) -> float:
    """Until when new readings are shown: three sampling intervals after their renewal is due, or three of their own."""
    due = run.finished - run.duration + interval
    return min(due + EXPIRY_INTERVALS * step, run.finished + EXPIRY_INTERVALS * interval)


def _not_renewed(expires: float | None, run: CollectorRun, step: float) -> float | None:
    """Until when old readings are shown: three sampling intervals after the first attempt that failed to renew them."""
    return None if expires is None else min(expires, run.finished + EXPIRY_INTERVALS * step)


def database_up(states: Iterable[CollectorState], now: float) -> bool:
    """Whether the last database sample succeeded. `now` is the time of the monotonic clock, seconds.

    True while some fresh sample succeeded since the database was last found unreachable. A lock on one table, or a
    statement that takes too long, is that collector's failure and does not make the database down.
    """
    states = [state for state in states if state.target is CollectorTarget.DATABASE]
    unreachable = max((state.unreachable for state in states if state.unreachable is not None), default=float("-inf"))
    return any(state.succeeded is not None and state.succeeded > unreachable and state.fresh(now) for state in states)


def latest_server(states: Iterable[CollectorState], now: float) -> DatabaseServer | None:
    """The server that answered last, at `now` (Unix seconds); None when there was a failure to answer since."""
    states = [state for state in states if state.target is not CollectorTarget.APPLICATION]
    latest = max(states, key=lambda state: state.answered or float("-inf"), default=None)
    if latest is None or latest.answered is None or now > latest.answered + EXPIRY_INTERVALS * latest.interval:
        return None
    silent = any(
        failure.reason in _NO_SESSION and (state.unreachable or 0.0) > latest.answered
        for state in states
        for failure in state.problems
    )
    return None if silent else latest.server


class SnapshotStore:
    """The states of all collectors. Safe to use from any thread. `step` is the sampling interval, seconds."""

    def __init__(self, states: Iterable[CollectorState] = (), step: float = DEFAULT_INTERVAL) -> None:
        self._lock = Lock()
        self._step = step
        self._states = {state.name: state for state in states}
        self._snapshot = tuple(self._states.values())

    def states(self) -> tuple[CollectorState, ...]:
        """All states, in the order in which the collectors were named; the same object until one changes."""
        return self._snapshot

    def state_of(self, collector: str) -> CollectorState:
        """The state of this one."""
        return self._states[collector]

    def record(self, run: CollectorRun, interval: float) -> CollectorState:
        """Record a finished run; returns the state before it. `interval`: until the next run, in seconds."""
        with self._lock:
            before = self._states[run.collector]
            self._replace(before.after(run, interval, self._step))
            if before.target in _RENEWED_BY_DATABASE:
                self._note_outage(run)
            return before

    def skip(self, collector: str) -> None:
        """Record that a run was due while the previous one was still running."""
        with self._lock:
            state = self._states[collector]
            self._replace(replace(state, skipped=state.skipped + 1))

    def _note_outage(self, run: CollectorRun) -> None:
        """While the database is unreachable, no reading of it can be renewed, due or not."""
        if run.succeeded:
            limit = math.inf
        elif _is_outage(run):
            limit = run.finished + EXPIRY_INTERVALS * self._step
        else:
            return
        for state in self._snapshot:
            if state.target in _RENEWED_BY_DATABASE and (limit == math.inf) != (state.outage_limit == math.inf):
                self._replace(replace(state, outage_limit=limit))

    def _replace(self, state: CollectorState) -> None:
        self._states[state.name] = state
        self._snapshot = tuple(self._states.values())
