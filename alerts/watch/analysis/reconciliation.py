"""Where the jobs went: what was created against what was processed, is pending, fails or was removed.

The database keeps no count of jobs created, and removes processed ones. But while one exporter runs, what became
pending and what was processed give what was created less what was removed, hour by hour; beside that stand the
initialisations that the database recorded and those that the application counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alerts.watch.analysis.counters import CounterIncreases, CounterSample, between, sample_of
from alerts.watch.model import Difference, Reconciliation, Span, Tick
from exporter.core.humanize import count, duration

PROCESSED = "outbox_processed_jobs_total"
PENDING = tuple(f'outbox_pending_jobs{{state="{state}"}}' for state in ("waiting", "failing", "exhausted"))
EVENTS = 'outbox_fsm_events_by_type_total{event="FSM_INITIALIZED"}'
INITIALISED = 'outbox_app_fsm_initializations_total{result="succeeded"}'
# Removals hide behind creations of the same time: the shorter it is, the more of them are seen. A sample of what is
# pending and one of what was processed lie moments apart, so that it must not be too short either.
_HOUR = 3600.0
# Of that come differences of a few jobs that mean nothing: so many and such a share of all.
_FEW, _SHARE = 10, 0.01
# Two numbers are compared when their first samples, and their last, are not more intervals apart: as long as any
# sample is believed.
_APART = 3


@dataclass(frozen=True, slots=True)
class _JobCount:
    """Jobs at one look; `sample` has those processed since the run began."""

    elapsed: float
    pending: float
    failing: float
    sample: CounterSample

    @property
    def processed(self) -> float:
        """So many in the run."""
        return self.sample.value

    def goes_on_from(self, before: "_JobCount") -> bool:
        """Whether it counts on where the other stood."""
        return before.sample.run == self.sample.run and before.processed <= self.processed


class JobBalance:
    """Keeps the account of jobs, look by look."""

    def __init__(self) -> None:
        self._first: _JobCount | None = None
        self._begin: _JobCount | None = None
        self._last: _JobCount | None = None
        self._created = 0.0
        self._removed = 0.0
        self._between_runs = 0.0
        self._interval = 0.0

    def add(self, tick: Tick) -> None:
        """One tick, in the order of time."""
        account = _account(tick)
        if account is None:
            return
        self._interval = tick.interval
        if self._last and account.goes_on_from(self._last):
            if self._last.sample.elapsed < 0:  # of before the watch: the account begins with this one
                self._first = self._begin = None
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

    def account(self, growth: CounterIncreases) -> Reconciliation:
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
            differences=tuple(self._differences(created, removed, growth)) if seen else (),
            jobs_span=self._span,
            events_span=growth.span(EVENTS),
            initialised_span=growth.span(INITIALISED),
        )

    @property
    def _span(self) -> Span | None:
        return between(self._first.sample, self._last.sample) if self._first and self._last else None

    def _differences(self, created: float, removed: float, growth: CounterIncreases) -> Iterator[Difference]:
        """What does not add up; explained only by what was seen."""
        events, initialised = growth.grown.get(EVENTS), growth.grown.get(INITIALISED)
        if removed > _FEW:
            yield Difference("jobs left the backlog without being counted as processed", removed)
        if events is None:
            return
        margin = max(_FEW, _SHARE * events)
        if self._are_comparable(growth.span(EVENTS), self._span) and events - created > margin:
            yield Difference("the database recorded more initialisations than created jobs", events - created)
        if initialised is None or not self._are_comparable(growth.span(EVENTS), growth.span(INITIALISED)):
            return
        by = initialised - events
        if by > margin:
            away = self._between_runs
            unseen = f"the database's were not counted in {duration(away)} without an exporter" if away else ""
            yield Difference("the application counted more initialisations than the database recorded", by, unseen)
        elif -by > margin:
            times = len(growth.restarts)
            anew = f"its counters began anew, {count(times)} time{'s' if times > 1 else ''}" if times else ""
            yield Difference("the application counted fewer initialisations than the database recorded", -by, anew)

    def _are_comparable(self, one: Span | None, other: Span | None) -> bool:
        """Whether both were counted over the same time."""
        if one is None or other is None:
            return False
        apart = max(abs(one.started - other.started), abs(one.started + one.seconds - other.started - other.seconds))
        return apart <= _APART * self._interval


def _account(tick: Tick) -> _JobCount | None:
    values: Mapping[str, float] = tick.values
    if PROCESSED not in values or any(name not in values for name in PENDING):
        return None
    waiting, *failing = (values[name] for name in PENDING)
    return _JobCount(tick.elapsed, waiting + sum(failing), sum(failing), sample_of(PROCESSED, tick))
