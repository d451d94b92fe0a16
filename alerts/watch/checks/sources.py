"""The sources of a tick's values: collectors of each signal, and failed collectors."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import compress

from alerts.model import Outlet, Policy
from alerts.policy.left_out import missing
from alerts.watch.checks.series import AGE_OF, BUCKETS, SERIES, STORED, collector_of_metric
from alerts.watch.model.tick import Cause, CollectorProblem
from exporter.core.errors import Reason
from exporter.metrics import catalogue
from exporter.metrics.catalogue import Metric
from exporter.metrics.readings import Distribution, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget

SeriesOfAge = tuple[Metric, tuple[str, ...]]

# Signals that compare a database time with the exporter's clock: the time of the sample less the earliest of these.
AGES: Mapping[str, tuple[SeriesOfAge, ...]] = {
    "outbox:oldest_pending_age_seconds": tuple((catalogue.OLDEST_PENDING, (state,)) for state in catalogue.STATES),
    "outbox:oldest_open_age_seconds": tuple((catalogue.OLDEST_PENDING, (state,)) for state in ("waiting", "failing")),
    "outbox:oldest_waiting_age_seconds": ((catalogue.OLDEST_PENDING, ("waiting",)),),
    "outbox:expired_key_age_seconds": ((catalogue.OLDEST_EXPIRED_KEY, ()),),
    "outbox:oldest_processed_age_seconds": ((catalogue.OLDEST_PROCESSED, ()),),
    "outbox:vacuum_horizon_held_seconds": tuple(
        (catalogue.VACUUM_HORIZON_HELD, (holder,)) for holder in catalogue.HORIZON_HOLDERS
    ),
}
SAMPLE_AGE = "outbox:backlog_sample_age_seconds"
_CAUSES: Mapping[Reason, Cause] = {
    Reason.CONNECTION: Cause.UNREACHABLE,
    Reason.AUTHENTICATION: Cause.LOGIN_REFUSED,
    Reason.LOCK: Cause.LOCK,
    Reason.TIMEOUT: Cause.TIMEOUT,
    Reason.RLS: Cause.NOT_VISIBLE,
    Reason.PERMISSION: Cause.NOT_VISIBLE,
    Reason.SCHEMA: Cause.SCHEMA,
    Reason.STALE: Cause.STANDBY,
}
_NAME = re.compile(r"\boutbox[a-z0-9_:]*")
_OF_A_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def ages_by(policy: Policy) -> Mapping[str, tuple[SeriesOfAge, ...]]:
    """The signals that are ages, by this policy, with the series of their times."""
    if not policy.exhausted_apart:
        return AGES
    return {**AGES, "outbox:oldest_pending_age_seconds": AGES["outbox:oldest_open_age_seconds"]}


def names_of(policy: Policy) -> tuple[str, ...]:
    """The values of a tick, in a fixed order: the signals that the exporter evaluates, then the raw series."""
    evaluated = (signal.record for signal in policy.signals if Outlet.SIDECAR in signal.outlets)
    return (*evaluated, *(series for series in STORED if not missing(series, policy)))


def layout_of(policy: Policy) -> tuple[str, ...]:
    """All numbers that are stored of a tick, in a fixed order."""
    return (*names_of(policy), *AGE_OF.values())


def collectors_of(expr: str, policy: Policy) -> frozenset[str]:
    """The collectors whose results a PromQL expression needs."""
    signals = {signal.record: signal.expr for signal in policy.signals}
    found: frozenset[str] = frozenset()
    for name in _NAME.findall(expr):
        if name in signals:
            found |= collectors_of(signals[name], policy)
        elif collector := collector_of_metric().get(_OF_A_HISTOGRAM.sub("", name)):
            found |= {collector}
    return found


def by_clock(expr: str, policy: Policy) -> bool:
    """Whether a PromQL expression compares a database time with the exporter's clock."""
    signals = {signal.record: signal.expr for signal in policy.signals}
    found = _NAME.findall(expr)
    return any(name in AGES or (name in signals and by_clock(signals[name], policy)) for name in found)


def series_of(states: Iterable[CollectorState], now: float) -> dict[str, float]:
    """The known raw series by name. `now` is the monotonic time, seconds."""
    states = tuple(states)
    by_metric: dict[Metric, list[Reading]] = {}
    for each in _readings(states, now):
        by_metric.setdefault(each.metric, []).append(each)
    found = _buckets_of(states, now)
    for name, (metric, labels) in SERIES.items():
        values = [each.value for each in by_metric.get(metric, ()) if labels in (None, each.labels)]
        if values:
            found[name] = sum(values)
    return found


def _buckets_of(states: Iterable[CollectorState], now: float) -> dict[str, float]:
    histograms = {
        each.metric: each
        for state in states
        if state.fresh(now)
        for each in state.readings
        if isinstance(each, Distribution)
    }
    return {
        name: float(sum(compress(each.counts, (top <= bound for top in (*each.bounds, math.inf)))))
        for name, (metric, bound) in BUCKETS.items()
        if (each := histograms.get(metric))
    }


def ages_of(
    states: Iterable[CollectorState], now: float, ages: Mapping[str, tuple[SeriesOfAge, ...]] = AGES
) -> dict[str, float]:
    """Ages, seconds, by the wall clock at the time of the sample. `now` is the monotonic time, seconds.

    The evaluation of alerts leaves them out for a while after the clock was set. Here they are kept, with its step.
    """
    found: dict[str, float] = {}
    for state in states:
        readings = _readings((state,), now)
        for name, series in ages.items():
            times = [each.value for each in readings if (each.metric, each.labels) in series]
            if times and state.succeeded_at is not None:
                found[name] = state.succeeded_at - min(times)
    return found


def sample_age_of(states: Iterable[CollectorState], now: float) -> dict[str, float]:
    """The age of the backlog's last sample, seconds, by the monotonic clock; empty before the first."""
    backlog = next((state for state in states if state.name == "backlog"), None)
    return {SAMPLE_AGE: now - backlog.succeeded} if backlog and backlog.succeeded is not None else {}


def counter_ages_of(states: Iterable[CollectorState], now: float) -> dict[str, float]:
    """The age, seconds, of the last sample of each collector of counters, by the monotonic clock."""
    return {
        AGE_OF[state.name]: round(now - state.succeeded, 3)
        for state in states
        if state.name in AGE_OF and state.succeeded is not None
    }


def problems_of(states: Iterable[CollectorState], now: float) -> tuple[CollectorProblem, ...]:
    """The collectors that failed or are stale. `now` is the monotonic time, seconds."""
    return tuple(problem for state in states for problem in _problem(state, now))


def is_of_standby(state: CollectorState) -> bool:
    """Whether the collector's results come from a standby."""
    return state.server is not None and state.server.in_recovery


def _readings(states: Iterable[CollectorState], now: float) -> list[Reading]:
    fresh = [state for state in states if state.fresh(now)]
    return [each for state in fresh for each in state.readings if isinstance(each, Reading)]


def _problem(state: CollectorState, now: float) -> Iterator[CollectorProblem]:
    fresh = state.fresh(now)
    if state.runs == 0:
        yield CollectorProblem(state.name, Cause.STARTING, stale=True)
    elif state.success is False:
        # Counts of rows are outdated by a failed run. Results from the catalogue, which people change, and partial
        # answers of the application count until they expire.
        stale = not fresh or state.target is CollectorTarget.DATABASE or is_of_standby(state)
        yield CollectorProblem(state.name, _cause(state), stale=stale)
    elif is_of_standby(state):
        yield CollectorProblem(state.name, Cause.STANDBY, stale=True)
    elif now > state.outage_limit:  # others found it; this one has not run since
        yield CollectorProblem(state.name, Cause.UNREACHABLE, stale=True)
    elif not fresh:
        yield CollectorProblem(state.name, Cause.TIMEOUT, stale=True)  # its run takes too long


def _cause(state: CollectorState) -> Cause:
    reasons = [problem.reason for problem in state.problems]
    if state.target is CollectorTarget.APPLICATION:
        return Cause.INTERNAL if Reason.INTERNAL in reasons else Cause.APPLICATION
    return next((cause for reason, cause in _CAUSES.items() if reason in reasons), Cause.INTERNAL)
