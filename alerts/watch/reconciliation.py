"""Where the jobs went: what was created against what was processed, is pending, fails or was removed.

The database keeps no count of jobs created, and removes processed ones. But while one exporter runs, what became
pending and what was processed give what was created less what was removed, hour by hour; beside that stand the
initialisations that the database recorded and those that the application counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.watch.counters import Growth
from alerts.watch.model import Difference, Reconciliation, Tick

PROCESSED = "outbox_processed_jobs_total"
PENDING = tuple(f'outbox_pending_jobs{{state="{state}"}}' for state in ("waiting", "failing", "exhausted"))
EVENTS = 'outbox_fsm_events_by_type_total{event="FSM_INITIALIZED"}'
INITIALISED = 'outbox_app_fsm_initializations_total{result="succeeded"}'
# Removals hide behind creations of the same time: the shorter it is, the more of them are seen. A sample of what is
# pending and one of what was processed lie moments apart, so that it must not be too short either.
_HOUR = 3600.0
# Of that come differences of a few jobs that mean nothing: so many and such a share of all.
_FEW, _SHARE = 10, 0.01


@dataclass(frozen=True, slots=True)
class _Account:
    """Jobs at one look; `processed` since the run began."""

    elapsed: float
    run: int
    pending: float
    failing: float
    processed: float


class Ledger:
    """Keeps the account of jobs, look by look."""

    def __init__(self) -> None:
        self._first: _Account | None = None
        self._begin: _Account | None = None
        self._last: _Account | None = None
        self._created = 0.0
        self._removed = 0.0
        self._between_runs = 0.0

    def hear(self, tick: Tick) -> None:
        """One tick, in the order of time."""
        account = _account(tick)
        if account is None:
            return
        if self._last and self._last.run == account.run and self._last.processed <= account.processed:
            self._first = self._first or account
        elif self._last:
            self._settle()
            self._between_runs += account.elapsed - self._last.elapsed
            self._begin = account
        self._begin = self._begin or account
        self._first = self._first or account
        self._last = account
        if account.elapsed - self._begin.elapsed >= _HOUR:
            self._settle()

    def _settle(self) -> None:
        self._created, self._removed = self._flows()
        self._begin = self._last

    def _flows(self) -> tuple[float, float]:
        if self._begin is None or self._last is None:
            return self._created, self._removed
        net = self._last.pending - self._begin.pending + self._last.processed - self._begin.processed
        return self._created + max(net, 0.0), self._removed + max(-net, 0.0)

    def account(self, growth: Growth) -> Reconciliation:
        """The account as it stands."""
        created, removed = self._flows()
        seen = self._first is not None and self._last is not None
        events, initialised = growth.grown.get(EVENTS), growth.grown.get(INITIALISED)
        return Reconciliation(
            pending_before=self._first.pending if self._first else None,
            pending_after=self._last.pending if self._last else None,
            failing_after=self._last.failing if self._last else None,
            processed=growth.grown.get(PROCESSED, 0.0),
            created=created if seen else None,
            removed=removed,
            events=events,
            initialised=initialised,
            unseen_seconds=self._between_runs,
            differences=tuple(_differences(created, removed, events, initialised, growth)) if seen else (),
        )


def _account(tick: Tick) -> _Account | None:
    values: Mapping[str, float] = tick.values
    if PROCESSED not in values or any(name not in values for name in PENDING):
        return None
    waiting, *failing = (values[name] for name in PENDING)
    return _Account(tick.elapsed, tick.run, waiting + sum(failing), sum(failing), values[PROCESSED])


def _differences(
    created: float, removed: float, events: float | None, initialised: float | None, growth: Growth
) -> Iterator[Difference]:
    if removed > _FEW:
        yield Difference("pending jobs vanished without being processed", removed, "removed with their courses")
    if events is not None and events - created > max(_FEW, _SHARE * events):
        explanation = "removed with their courses" if removed >= events - created else ""
        yield Difference("initialisations outnumber the jobs that were created", events - created, explanation)
    if events is None or initialised is None:
        return
    by = initialised - events
    if by > max(_FEW, _SHARE * events):
        yield Difference("the application counts more initialisations", by, "repeated requests answered from the cache")
    elif -by > max(_FEW, _SHARE * events):
        explanation = "its counters began anew" if growth.restarts else "it counts in one process of several"
        yield Difference("the application counts fewer initialisations", -by, explanation)
