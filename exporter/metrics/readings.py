"""Plain values that travel from collectors to the exposition: readings, and the outcome of a run."""

import math
from dataclasses import dataclass

from exporter.core.errors import Reason
from exporter.metrics.catalogue import Kind, Metric


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one series.

    Units: those of the metric's name. Shape: `labels` holds one value per label name, in the catalogue's order.
    Raises: ValueError when labels and metric do not fit, or the value is NaN (unknown is no reading at all);
    TypeError for a label that is no text. So what is wrong fails its collector's run, and no scrape.
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


def _check_labels(metric: Metric, labels: tuple[str, ...]) -> None:
    if len(labels) != len(metric.labels):
        raise ValueError(f"{metric.name}: expected labels {metric.labels}, got {labels}")
    for label in labels:
        if not isinstance(label, str):
            raise TypeError(f"{metric.name}: a label value is a text, got {label!r} among {labels}")


def _encodable(labels: tuple[str, ...]) -> tuple[str, ...]:
    """As UTF-8 can carry them: a lone surrogate, as JSON may hold one, becomes a question mark."""
    return tuple(label.encode("utf-8", "replace").decode() for label in labels)


Readings = tuple[Reading | Distribution, ...]


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """Which server answered.

    `address` is its own, None over a Unix socket; `lag`, seconds that its replay is behind at most: None on a primary,
    and where nothing is proved.
    """

    in_recovery: bool
    address: str | None = None
    lag: float | None = None

    @property
    def role(self) -> str:
        """In one word."""
        return "standby" if self.in_recovery else "primary"

    def __str__(self) -> str:
        return f"{self.role} {self.address or 'on a local socket'}"


@dataclass(frozen=True, slots=True)
class CollectorFailure:
    """One thing that went wrong in a run. `message` is for people: what, where, what to do; no secrets."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class CollectorOutcome:
    """What a collector brought back: readings that may be believed, and what failed.

    Both may be present: one dead endpoint does not spoil the others. A run is a success when nothing failed. `rows`
    is how many rows were read for it, 0 when that shall not slow the collector down; `waited`, seconds of it that went
    into the way to the target and back. `server` is which one answered, None where none did.
    """

    readings: Readings = ()
    failures: tuple[CollectorFailure, ...] = ()
    rows: int = 0
    network_time: float = 0.0
    server: DatabaseServer | None = None


@dataclass(frozen=True, slots=True)
class CollectorRun:
    """One finished run of a collector.

    Units: `finished_at` Unix seconds for people; `finished` seconds of the monotonic clock for ages;
    `duration` seconds, all in all.
    """

    collector: str
    outcome: CollectorOutcome
    finished_at: float
    finished: float
    duration: float

    @property
    def cost(self) -> float:
        """Seconds for which the target was kept busy."""
        return self.duration - self.outcome.network_time

    @property
    def succeeded(self) -> bool:
        """True when nothing failed."""
        return not self.outcome.failures
