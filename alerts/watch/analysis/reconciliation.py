"""The jobs of a watch: created, processed, pending, failing and removed.

The exporter counts created jobs and those that left the backlog otherwise (`exporter.collectors.conservation`), one by
one. Where it does not, on a standby and in a history of an older version, the changes of pending and processed jobs
give created less removed jobs, hour by hour, while one exporter runs. Created jobs are compared with the
initialisations that the database recorded and those that the application counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.watch.analysis.counters import CounterIncreases, CounterSample, between, sample_of
from alerts.watch.model.result import Difference, Reconciliation
from alerts.watch.model.tick import Tick, TimeSpan
from exporter.core.humanize import count, duration

PROCESSED = "outbox_processed_jobs_total"
CREATED = "outbox_created_jobs_total"
LEFT = tuple(f'outbox_unaccounted_jobs_total{{kind="{kind}"}}' for kind in ("removed", "uncounted"))
DOUBLED = 'outbox_unaccounted_jobs_total{kind="doubled"}'
PENDING = tuple(f'outbox_pending_jobs{{state="{state}"}}' for state in ("waiting", "failing", "exhausted"))
EVENTS = 'outbox_fsm_events_by_type_total{event="FSM_INITIALIZED"}'
INITIALISED = 'outbox_app_fsm_initializations_total{result="succeeded"}'
# Seconds. Jobs created and removed in the same period cancel out, so a shorter one finds more removals. It is much
# longer than the moments between the samples of pending and of processed jobs.
_PERIOD = 3600.0
# Those moments cause small differences: up to so many jobs, or such a share of all, are ignored.
_MIN_JOBS, _MIN_SHARE = 10, 0.01
# Their number is unknown.
_REPEATED = "it may be repeated requests, which the idempotency cache answers without an event"
# Counts are compared when their first samples, and their last, are at most this many intervals apart: a sample's
# time-to-live.
_MAX_APART = 3


@dataclass(frozen=True, slots=True)
class _JobCount:
    """Jobs at one tick. `sample` has those processed since the exporter started."""

    elapsed: float
    pending: float
    failing: float
    sample: CounterSample

    def continues(self, before: "_JobCount") -> bool:
        """Whether the counter was not reset since."""
        return before.sample.run == self.sample.run and before.sample.value <= self.sample.value


class JobBalance:
    """Balances the jobs of a watch, tick by tick."""

    def __init__(self) -> None:
        self._first: _JobCount | None = None
        self._begin: _JobCount | None = None
        self._last: _JobCount | None = None
        self._created = 0.0
        self._removed = 0.0
        self._between_runs = 0.0
        self._interval = 0.0

    def add(self, tick: Tick) -> None:
        """Add one tick, in the order of time."""
        jobs = _job_count(tick)
        if jobs is None:
            return
        self._interval = tick.interval
        if self._last and jobs.continues(self._last):
            if self._last.sample.elapsed < 0:  # sampled before the watch: the balance begins with this tick
                self._first = self._begin = None
        elif self._last:
            self._end_period()
            self._between_runs += jobs.elapsed - self._last.elapsed
            self._begin = jobs
        self._begin = self._begin or jobs
        self._first = self._first or jobs
        self._last = jobs
        if jobs.elapsed - self._begin.elapsed >= _PERIOD:
            self._end_period()

    def _end_period(self) -> None:
        self._created, self._removed = self._flows()
        self._begin = self._last

    def _flows(self) -> tuple[float, float]:
        """Created and removed jobs up to now."""
        if self._begin is None or self._last is None:
            return self._created, self._removed
        net = self._last.pending - self._begin.pending + self._last.sample.value - self._begin.sample.value
        return self._created + max(net, 0.0), self._removed + max(-net, 0.0)

    def reconcile(self, increases: CounterIncreases) -> Reconciliation:
        """The balance up to now, compared with the counters."""
        is_counted = increases.span(CREATED) is not None and increases.span(CREATED) == increases.span(PROCESSED)
        created, removed = self._flows()
        if is_counted:
            created, removed = increases.grown[CREATED], sum(increases.grown.get(name, 0.0) for name in LEFT)
        span = between(self._first.sample, self._last.sample) if self._first and self._last else None
        return Reconciliation(
            pending_before=self._first.pending if self._first else None,
            pending_after=self._last.pending if self._last else None,
            failing_after=self._last.failing if self._last else None,
            processed=increases.grown.get(PROCESSED, 0.0),
            created=created if span else None,
            removed=removed,
            events=increases.grown.get(EVENTS),
            initialised=increases.grown.get(INITIALISED),
            unseen_seconds=self._between_runs,
            differences=(
                *_unaccounted(removed, increases.grown.get(DOUBLED, 0.0), 0 if is_counted else _MIN_JOBS),
                *(self._differences(created, increases, span) if span else ()),
            ),
            jobs_span=span,
            events_span=increases.span(EVENTS),
            initialised_span=increases.span(INITIALISED),
        )

    def _differences(self, created: float, increases: CounterIncreases, span: TimeSpan) -> Iterator[Difference]:
        events, initialised = increases.grown.get(EVENTS), increases.grown.get(INITIALISED)
        if events is None:
            return
        margin = max(_MIN_JOBS, _MIN_SHARE * events)
        if self._are_comparable(increases.span(EVENTS), span) and events - created > margin:
            yield Difference("the database recorded more initialisations than created jobs", events - created)
        if initialised is None or not self._are_comparable(increases.span(EVENTS), increases.span(INITIALISED)):
            return
        by = initialised - events
        if by > margin:
            away = self._between_runs
            not_counted = (
                f"the database's were not counted in {duration(away)} without an exporter" if away else _REPEATED
            )
            yield Difference("the application counted more initialisations than the database recorded", by, not_counted)
        elif -by > margin:
            times = len(increases.restarts)
            resets = f"its counters were reset {count(times)} time{'s' if times > 1 else ''}" if times else ""
            yield Difference("the application counted fewer initialisations than the database recorded", -by, resets)

    def _are_comparable(self, one: TimeSpan | None, other: TimeSpan | None) -> bool:
        """Whether both counts are of the same time."""
        if one is None or other is None:
            return False
        apart = max(abs(one.started - other.started), abs(one.started + one.seconds - other.started - other.seconds))
        return apart <= _MAX_APART * self._interval


def _unaccounted(removed: float, doubled: float, tolerance: float) -> Iterator[Difference]:
    if removed > tolerance:
        yield Difference("jobs left the backlog without being counted as processed", removed)
    if doubled:
        yield Difference("processed_at of jobs was set twice", doubled)


def _job_count(tick: Tick) -> _JobCount | None:
    if any(name not in tick.values for name in (PROCESSED, *PENDING)):
        return None
    waiting, *failing = (tick.values[name] for name in PENDING)
    return _JobCount(tick.elapsed, waiting + sum(failing), sum(failing), sample_of(PROCESSED, tick))
