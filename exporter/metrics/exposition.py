"""From the board to metric families: fresh ones at every scrape, so that nothing that vanished is shown again.

Registering asks nothing of anybody: the catalogue describes the families.
"""

import platform
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import accumulate, chain
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from exporter.metrics import catalogue
from exporter.metrics.catalogue import Kind, Metric
from exporter.metrics.label_limit import LabelLimit
from exporter.metrics.readings import DatabaseServer, Distribution, Reading
from exporter.metrics.snapshot import CollectorState, CollectorTarget, SnapshotStore, database_up, latest_server

_FAMILIES: Mapping[Kind, type[GaugeMetricFamily] | type[CounterMetricFamily] | type[HistogramMetricFamily]] = {
    Kind.GAUGE: GaugeMetricFamily,
    Kind.COUNTER: CounterMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}

# One sample: name, labels, value.
ExposedSample = tuple[str, tuple[tuple[str, str], ...], float]
Readings = Iterable[Reading | Distribution]
Group = tuple[Reading | Distribution, ...]
# Whether samples of this name matter.
NameFilter = Callable[[str], bool]
# What several judges have found, each in a tuple of its own.
AlertingReadings = tuple[tuple[Reading, ...], ...]
# The values in use of each bounded label.
LabelsInUse = Mapping[str, LabelLimit]


def _every_name(_: str) -> bool:
    return True


class OutboxCollector(Collector):
    """Renders the board, and what is judged of it. `reload_succeeded` is asked at each scrape."""

    def __init__(
        self,
        store: Callable[[], SnapshotStore],
        version: str,
        labels: Callable[[], LabelsInUse],
        reload_succeeded: Callable[[], bool],
        judged: Callable[[], AlertingReadings] = tuple,
    ) -> None:
        self._store = store
        self._version = version
        self._labels = labels
        self._reload_succeeded = reload_succeeded
        self._judged = judged
        self._own = CollectorReadings()
        self._sample_cache = _SampleCache(_every_name)

    def describe(self) -> Iterator[Family]:
        """Every family of the catalogue, empty."""
        return (_family(metric) for metric in catalogue.CATALOGUE)

    def collect(self) -> Iterator[Family]:
        """Every family that has something to say now."""
        return families(self.readings())

    def readings(self) -> Readings:
        """Everything there is to say now."""
        return chain.from_iterable(self.groups())

    def samples(self, name_filter: NameFilter = _every_name) -> Iterator[ExposedSample]:
        """The same as `collect`, as whoever scrapes reads it; of the names that it `wants`, and perhaps some more.

        Call from one thread.
        """
        if self._sample_cache.name_filter != name_filter:
            self._sample_cache = _SampleCache(name_filter)
        return self._sample_cache(self.groups())

    def groups(self) -> Iterator[Group]:
        """Everything there is to say now, by who says it: the same objects as before where nothing is new."""
        states, now = self._store().states(), monotonic()
        yield from fresh_groups(states, now)
        yield from self._judged()
        yield from self._own.groups(states, now)
        yield tuple(_dropped(self._labels()))
        yield exporter_info(self._version, reload_succeeded=self._reload_succeeded())

    def state_key(self) -> Hashable:
        """Equal for two moments at which `collect` says the same."""
        states, now = self._store().states(), monotonic()
        return (
            # The states themselves are compared by identity: the board makes a new tuple for every change, and this
            # reference keeps the old one's address from being taken by another.
            _ByIdentity(states),
            tuple(state.fresh(now) for state in states),
            latest_server(states, now),
            tuple(labels.dropped for labels in self._labels().values()),
            self._judged(),
            self._reload_succeeded(),
        )


def exporter_info(version: str, *, reload_succeeded: bool) -> tuple[Reading, ...]:
    """What the exporter says of itself."""
    return (
        Reading(catalogue.BUILD_INFO, 1, (version, platform.python_version())),
        Reading(catalogue.CONFIG_RELOAD_SUCCESSFUL, reload_succeeded),
    )


class _ByIdentity:
    """Equal to itself alone, whatever it holds."""

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self._held is other._held

    def __hash__(self) -> int:
        return id(self._held)


class _SampleCache:
    """Groups of readings as samples of the names that somebody `wants`. One that is there again is not read again."""

    def __init__(self, name_filter: NameFilter) -> None:
        self.name_filter = name_filter
        # By the group's address, which none but itself has while it is kept here.
        self._known: dict[int, tuple[Group, tuple[ExposedSample, ...]]] = {}

    def __call__(self, groups: Iterable[Group]) -> Iterator[ExposedSample]:
        self._known = {id(group): self._known.get(id(group)) or (group, self._of(group)) for group in groups}
        return chain.from_iterable(samples for _, samples in self._known.values())

    def _of(self, group: Group) -> tuple[ExposedSample, ...]:
        wanted = (each for each in group if isinstance(each, Distribution) or self.name_filter(each.metric.name))
        return tuple(chain.from_iterable(map(_samples, wanted)))


def fresh_readings(states: Iterable[CollectorState], now: float) -> Iterator[Reading | Distribution]:
    """What collectors brought back and may still be believed; `now` by the monotonic clock."""
    return chain.from_iterable(fresh_groups(states, now))


def fresh_groups(states: Iterable[CollectorState], now: float) -> Iterator[Group]:
    """The same, by collector."""
    return (state.readings for state in states if state.fresh(now))


class CollectorReadings:
    """How the collectors themselves are doing; always there, whatever the targets do.

    What is said of a state is remembered until there is another: it is asked for several times, and most collectors
    run less often than that.
    """

    def __init__(self) -> None:
        self._cached: dict[str, tuple[CollectorState, tuple[Reading, ...]]] = {}

    def __call__(self, states: Iterable[CollectorState], now: float) -> Iterator[Reading]:
        """The readings; `now` by the monotonic clock."""
        return chain.from_iterable(self.groups(states, now))

    def groups(self, states: Iterable[CollectorState], now: float) -> Iterator[tuple[Reading, ...]]:
        """The same, by collector."""
        states = tuple(states)
        if any(state.target is CollectorTarget.DATABASE for state in states):
            yield (Reading(catalogue.UP, database_up(states, now)), *_of_server(latest_server(states, now)))
        for state in states:
            yield self._of(state)

    def _of(self, state: CollectorState) -> tuple[Reading, ...]:
        cached = self._cached.get(state.name)
        if cached is None or cached[0] is not state:
            cached = self._cached[state.name] = state, tuple(_of_collector(state))
        return cached[1]


def _of_server(server: DatabaseServer | None) -> Iterator[Reading]:
    if server is not None:
        yield Reading(catalogue.SERVER_IN_RECOVERY, server.in_recovery)
        if server.lag is not None:
            yield Reading(catalogue.SERVER_REPLAY_LAG, server.lag)


def _of_collector(state: CollectorState) -> Iterator[Reading]:
    label = (state.name,)
    yield Reading(catalogue.COLLECTOR_SUCCESS, bool(state.success), label)
    yield Reading(catalogue.COLLECTOR_INTERVAL, state.interval, label)
    yield Reading(catalogue.COLLECTOR_RUNS, state.runs, label)
    yield Reading(catalogue.COLLECTOR_SKIPPED, state.skipped, label)
    if state.succeeded_at is not None:
        yield Reading(catalogue.COLLECTOR_LAST_SUCCESS, state.succeeded_at, label)
    if state.duration is not None:
        yield Reading(catalogue.COLLECTOR_DURATION, state.duration, label)
    for reason in state.target.reasons:
        yield Reading(catalogue.COLLECTOR_FAILURES, state.failures.get(reason, 0), (state.name, reason))


def _dropped(labels: LabelsInUse) -> Iterator[Reading]:
    for label, values in labels.items():
        yield Reading(catalogue.LABEL_VALUES_DROPPED, values.dropped, (label,))


def families(readings: Readings) -> Iterator[Family]:
    """Readings gathered into families, in the catalogue's order; families without readings are left out."""
    by_metric: dict[Metric, list[Reading | Distribution]] = {}
    for reading in readings:
        by_metric.setdefault(reading.metric, []).append(reading)
    return (filled(metric, by_metric[metric]) for metric in catalogue.CATALOGUE if metric in by_metric)


def filled(metric: Metric, readings: Readings) -> Family:
    """A family of these readings."""
    family = _family(metric)
    for reading in readings:
        _add(family, reading)
    return family


def _samples(reading: Reading | Distribution) -> Iterable[ExposedSample]:
    name, labels = reading.metric.name, tuple(zip(reading.metric.labels, reading.labels, strict=True))
    if isinstance(reading, Reading):
        return ((name, labels, float(reading.value)),)
    buckets = [(f"{name}_bucket", (*labels, ("le", le)), float(count)) for le, count in _buckets(reading)]
    return (*buckets, (f"{name}_count", labels, float(sum(reading.counts))), (f"{name}_sum", labels, reading.total))


def _buckets(reading: Distribution) -> Iterator[tuple[str, int]]:
    bounds = (*(format(float(bound)) for bound in reading.bounds), "+Inf")
    return zip(bounds, accumulate(reading.counts), strict=True)


def _family(metric: Metric) -> Family:
    return _FAMILIES[metric.kind](metric.family, metric.help, labels=metric.labels)


def _add(family: Family, reading: Reading | Distribution) -> None:
    if isinstance(reading, Distribution):
        buckets = list(_buckets(reading))
        family.add_metric(reading.labels, buckets=buckets, sum_value=reading.total)  # type: ignore[attr-defined]
    else:
        family.add_metric(reading.labels, float(reading.value))  # type: ignore[attr-defined]
