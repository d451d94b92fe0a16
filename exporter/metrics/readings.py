"""Plain values from collectors to the exposition: readings, and the outcome of a run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.core.errors import Reason
from exporter.metrics.catalogue import Kind, Metric


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one series.

    Units: those of the metric's name. Shape: `labels` holds one value per label name, in the catalogue's order.
    Raises: ValueError when labels and metric do not fit, or the value is NaN (an unknown value is left out);
    TypeError for a label that is no text. So a mistake fails its collector's run, not a scrape.
    """

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_labels(self.metric, self.labels)
        if not all(map(str.isascii, self.labels)):
            object.__setattr__(self, "labels", _encodable(self.labels))
        if math.isnan(self.value):
            raise ValueError(f"{self.metric.name}: unknown is not a number; leave the reading out")


@dataclass(frozen=True, slots=True)
class Distribution:
    """One histogram series.

    Units: `total` and `bounds` in the metric's unit. Shape: `counts` is not cumulative and has one entry more
    than `bounds`, for everything above the last.
    """

    metric: Metric
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_labels(self.metric, self.labels)
        if not all(map(str.isascii, self.labels)):
            object.__setattr__(self, "labels", _encodable(self.labels))
        if self.metric.kind is not Kind.HISTOGRAM or len(self.counts) != len(self.bounds) + 1:
            raise ValueError(f"{self.metric.name}: not a histogram, or counts do not fit bounds")


@dataclass(frozen=True, slots=True)
class UnknownValue:
    """A metric that has no value in this sample, and why, where the metric is otherwise there."""

    metric: Metric
    reason: str


def _check_labels(metric: Metric, labels: tuple[str, ...]) -> None:
    if len(labels) != len(metric.labels):
        raise ValueError(f"{metric.name}: expected labels {metric.labels}, got {labels}")
    for label in labels:
        if not isinstance(label, str):
            raise TypeError(f"{metric.name}: a label value is a text, got {label!r} among {labels}")


def _encodable(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Encodable in UTF-8: a lone surrogate, as JSON may contain one, becomes a question mark."""
    return tuple(label.encode("utf-8", "replace").decode() for label in labels)


Readings = tuple[Reading | Distribution, ...]


@dataclass(frozen=True, slots=True)
class ServerStart:
    """When a server was started: Unix seconds of its clock, different for each start, and seconds before the sample."""

    at: float
    ago: float


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """The server that answered.

    `address` is its own, None over a Unix socket; `lag`, seconds that its replay is behind at most: None on a primary,
    and where nothing is proved.
    """

    in_recovery: bool
    address: str | None = None
    lag: float | None = None
    start: ServerStart | None = field(default=None, compare=False)

    @property
    def role(self) -> str:
        """Either primary or standby."""
        return "standby" if self.in_recovery else "primary"

    def __str__(self) -> str:
        return f"{self.role} {self.address or 'on a local socket'}"


@dataclass(frozen=True, slots=True)
class CollectorFailure:
    """One failure in a run. `message` has the failure, its place, and the remedy; it contains no secrets."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class CollectorNotice:
    """What a reading cannot express and somebody should know, about `name`; it contains no secrets."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class CollectorOutcome:
    """The result of a collector: readings, and failures.

    Both may be present: one endpoint that fails does not remove the readings of others. A run succeeds when nothing
    failed. `rows` is the number of rows that were read, 0 when they must not lengthen the interval; `network_time` the
    seconds of it that were network round trips. `server` is the server that answered, None where none did. `notices`
    and `unknown`, the metrics that have no value now with the reason, belong to the readings. `definitions` has a
    checksum of each database object and setting, by its description.
    """

    readings: Readings = ()
    failures: tuple[CollectorFailure, ...] = ()
    rows: int = 0
    network_time: float = 0.0
    server: DatabaseServer | None = None
    notices: tuple[CollectorNotice, ...] = ()
    unknown: Mapping[Metric, str] = field(default_factory=dict)
    definitions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectorRun:
    """One finished run of a collector.

    Units: `finished_at` Unix seconds, to be shown; `finished` seconds of the monotonic clock, for ages; `duration`
    seconds, in total.
    """

    collector: str
    outcome: CollectorOutcome
    finished_at: float
    finished: float
    duration: float

    @property
    def cost(self) -> float:
        """Seconds for which the target was busy."""
        return self.duration - self.outcome.network_time

    @property
    def succeeded(self) -> bool:
        """True when nothing failed."""
        return not self.outcome.failures
