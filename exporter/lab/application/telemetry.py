"""The application's own metrics, in the memory of its process: all start at zero with it."""

import copy
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

_KEPT_DURATIONS: Final = 1000  # deployed-application.md: "durations (last <= 1000, ms)"
_KEPT_TIMESTAMPS: Final = 100  # "timestamps[] (last 100)"
_KEPT_DEPTHS: Final = 100


def utc_now() -> datetime:
    """The application's clock."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Initialisations:
    """Calls of the RPC."""

    succeeded: int = 0
    failed: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_DURATIONS))  # ms
    failure_reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Processing:
    """The outbox processor's work."""

    batches: int = 0
    succeeded: int = 0
    failed: int = 0
    retries: int = 0
    seconds: float = 0.0  # creation to processed, summed over the jobs that succeeded
    depths: deque[int] = field(default_factory=lambda: deque(maxlen=_KEPT_DEPTHS))
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_DURATIONS))  # ms per batch
    errors: Counter[str] = field(default_factory=Counter)
    alive: bool = False
    depth: int = 0  # rows fetched by the latest poll
    pause: float = 1.0  # seconds until the next poll
    polled_at: datetime | None = None


@dataclass(slots=True)
class Fallbacks:
    """Activations of the defence layers 2 and 3."""

    activations: Counter[int] = field(default_factory=Counter)
    failures: Counter[int] = field(default_factory=Counter)
    times: deque[datetime] = field(default_factory=lambda: deque(maxlen=_KEPT_TIMESTAMPS))


@dataclass(slots=True)
class Figures:
    """All metrics at one time."""

    initialisations: Initialisations = field(default_factory=Initialisations)
    processing: Processing = field(default_factory=Processing)
    fallbacks: Fallbacks = field(default_factory=Fallbacks)


class Telemetry:
    """Counts events from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figures = Figures()

    def figures(self) -> Figures:
        """A copy of the metrics."""
        with self._lock:
            return copy.deepcopy(self._figures)

    def reset(self) -> None:
        """Set all to zero, as after a restart of the application, except whether the processor is alive."""
        with self._lock:
            alive = self._figures.processing.alive
            self._figures = Figures()
            self._figures.processing.alive = alive

    def initialised(self, milliseconds: float, *, cached: bool) -> None:
        """An initialisation succeeded; `cached` when an earlier request had the same key."""
        with self._lock:
            counts = self._figures.initialisations
            counts.succeeded += 1
            counts.durations.append(milliseconds)
            if cached:
                counts.cache_hits += 1
            else:
                counts.cache_misses += 1

    def initialisation_failed(self, reason: str) -> None:
        """An initialisation failed; `reason` is free text, as the application has it."""
        with self._lock:
            counts = self._figures.initialisations
            counts.failed += 1
            counts.failure_reasons[reason] += 1

    def fell_back(self, layer: int, now: datetime, *, succeeded: bool) -> None:
        """Defence layer 2 or 3 was activated because the layer before it failed."""
        with self._lock:
            fallbacks = self._figures.fallbacks
            fallbacks.activations[layer] += 1
            fallbacks.times.append(now)
            if not succeeded:
                fallbacks.failures[layer] += 1

    def processor_alive(self, *, alive: bool) -> None:
        """The processor has started or ended."""
        with self._lock:
            self._figures.processing.alive = alive

    def retried(self) -> None:
        """A batch of ten jobs is retried after a connection error."""
        with self._lock:
            self._figures.processing.retries += 1

    def job_succeeded(self, seconds: float) -> None:
        """A job reached its queue, `seconds` after its creation."""
        with self._lock:
            self._figures.processing.succeeded += 1
            self._figures.processing.seconds += seconds

    def job_failed(self, kind: str) -> None:
        """A job failed until the next poll."""
        with self._lock:
            self._figures.processing.failed += 1
            self._figures.processing.errors[kind] += 1

    def polled(self, depth: int, milliseconds: float, pause: float, now: datetime) -> None:
        """A poll has ended, with `depth` jobs found, and the next one starts after `pause` seconds."""
        with self._lock:
            counts = self._figures.processing
            counts.depth, counts.pause, counts.polled_at = depth, pause, now
            counts.depths.append(depth)
            if depth:
                counts.batches += 1
                counts.durations.append(milliseconds)
