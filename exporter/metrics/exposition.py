"""From the snapshot to metric families: new ones at every scrape, so that no series outlives its reading.

Registering the collector runs no query: the catalogue describes the families.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
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
# Whether samples of this name are needed.
NameFilter = Callable[[str], bool]
# The readings of alerts, of notifications and of the watch.
AlertingReadings = tuple[tuple[Reading, ...], ...]
# The values in use of each bounded label.
LabelsInUse = Mapping[str, LabelLimit]


def _every_name(_: str) -> bool:
    return True


class OutboxCollector(Collector):
    """Collects the snapshot, the readings of alerting, and the exporter's own metrics.

    The arguments are called at each scrape, so that a reload can replace their results.
    """

    def __init__(
        self,
        store: Callable[[], SnapshotStore],
        version: str,
        labels: Callable[[], LabelsInUse],
        reload_succeeded: Callable[[], bool],
        alerting: Callable[[], AlertingReadings] = tuple,
    ) -> None:
        self._store = store
        self._version = version
        self._labels = labels
        self._reload_succeeded = reload_succeeded
        self._alerting = alerting
        self._collectors = CollectorReadings()

    def describe(self) -> Iterator[Family]:
        """Every family of the catalogue, empty."""
        return (_family(metric) for metric in catalogue.CATALOGUE)

    def collect(self) -> Iterator[Family]:
        """Every family that has samples now."""
        return families(self.readings())

    def samples(self, name_filter: NameFilter = _every_name) -> Iterator[ExposedSample]:
        """The samples of `collect` whose names pass the filter; those of histograms always pass."""
        wanted = (each for each in self.readings() if isinstance(each, Distribution) or name_filter(each.metric.name))
        return chain.from_iterable(map(samples_of, wanted))

    def readings(self) -> Readings:
        """All readings of now."""
        states, now = self._store().states(), monotonic()
        return chain(
            fresh_readings(states, now),
            *self._alerting(),
            self._collectors(states, now),
            _dropped(self._labels()),
            exporter_info(self._version, reload_succeeded=self._reload_succeeded()),
        )

    def state_key(self) -> tuple[object, ...]:
        """Equal for two moments at which `collect` gives the same."""
        states, now = self._store().states(), monotonic()
        return (
            states,
            tuple(state.fresh(now) for state in states),
            latest_server(states, now),
            tuple(labels.dropped for labels in self._labels().values()),
            self._alerting(),
            self._reload_succeeded(),
        )


def exporter_info(version: str, *, reload_succeeded: bool) -> tuple[Reading, ...]:
    """The readings about the exporter itself."""
    return (
        Reading(catalogue.BUILD_INFO, 1, (version, platform.python_version())),
        Reading(catalogue.CONFIG_RELOAD_SUCCESSFUL, reload_succeeded),
    )


def fresh_readings(states: Iterable[CollectorState], now: float) -> Iterator[Reading | Distribution]:
    """The readings of collectors that have not expired; `now` in seconds of the monotonic clock."""
    return chain.from_iterable(state.readings for state in states if state.fresh(now))


class CollectorReadings:
    """The readings about the collectors themselves; present whatever state the targets are in.

    Those of one state are kept until the collector has another: a scrape and an evaluation read them for every
    collector, of which most run less often. Without that the exporter needs 3 % more processor time.
    """

    def __init__(self) -> None:
        self._cached: dict[str, tuple[CollectorState, tuple[Reading, ...]]] = {}

    def __call__(self, states: Iterable[CollectorState], now: float) -> Iterator[Reading]:
        """The readings; `now` in seconds of the monotonic clock."""
        states = tuple(states)
        if any(state.target is CollectorTarget.DATABASE for state in states):
            yield Reading(catalogue.UP, database_up(states, now))
            yield from _of_server(latest_server(states, now))
        for state in states:
            yield from self._of(state)

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
    """Families of the client library; those without readings are left out."""
    for metric, each in by_metric(readings):
        family = _family(metric)
        for reading in each:
            _add(family, reading)
        yield family


def by_metric(readings: Readings) -> Iterator[tuple[Metric, list[Reading | Distribution]]]:
    """The readings of each metric, in the catalogue's order; metrics without readings are left out."""
    found: dict[Metric, list[Reading | Distribution]] = {}
    for reading in readings:
        found.setdefault(reading.metric, []).append(reading)
    return ((metric, found[metric]) for metric in catalogue.CATALOGUE if metric in found)


def samples_of(reading: Reading | Distribution) -> Iterable[ExposedSample]:
    """One sample; of a histogram those of the cumulative buckets, the count and the sum."""
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
