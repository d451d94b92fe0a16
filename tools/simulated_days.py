"""Simulated days of an outbox as a watch records them: healthy ones, and ones with a fault.

A day is healthy when the true values are at most the limits of the checks at all times, apart from outages that are
shorter than the budgets. Simulated are the counters and the signals that the rules compute from them; exporter and
application restart at random times. A day depends on its fields only.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from alerts.watch.model.tick import Cause, Tick

START = 1_763_460_000.0  # 2025-11-18 10:00 UTC
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# The signals cover six hours, also at the begin of the watch.
_BEFORE = 6 * HOUR
_SUCCEEDED, _FAILED = (
    f'outbox_app_fsm_initializations_total{{result="{result}"}}' for result in ("succeeded", "failed")
)
_FALLBACKS = "outbox_app_fallback_activations_total"
_JOBS, _IN_A_MINUTE = "outbox_processing_time_seconds_count", 'outbox_processing_time_seconds_bucket{le="60"}'
# The share of slow jobs with which the 95th percentile is slow.
_TWENTIETH = 0.05
_NIGHT, _MORNING = 12, 20
# Of each odd hour, ten minutes are busy.
_BURST = 1 / 6

# Initialisations per minute by the hour of the watch; each one makes a job.
SHAPES: Mapping[str, Callable[[float], float]] = {
    "steady": lambda _: 60.0,
    "idle nights": lambda hour: 0.0 if _NIGHT <= hour < _MORNING else 90.0,
    "bursts": lambda hour: 100.0 if hour % 2 < _BURST else 5.0,
    "low": lambda _: 4.0,
}


@dataclass(frozen=True, slots=True)
class Rates:
    """The true values: the shares of initialisations that fail and of jobs that are slow; fallbacks in a minute."""

    failed: float
    slow: float
    fallbacks: float


OUTAGES, BATCHES = "outages within the budgets", "failures in batches"
# Failures that come together.
_BATCH = 10
# The limits are 1.5 % of the initialisations over hours, 5 % of the jobs, and 10 fallbacks in five minutes.
USUAL = Rates(0.002, 0.001, 0.04)
HEALTHY: Mapping[str, Rates] = {
    "usual": USUAL,
    "half of the limits": Rates(0.0075, 0.025, 1.0),
    "at the limits": Rates(0.015, 0.05, 2.0),
    OUTAGES: USUAL,
    BATCHES: Rates(0.005, 0.005, 0.2),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Other rates for so many hours."""

    rates: Rates
    hours: float = 24.0


FAULTS: Mapping[str, Fault] = {
    "2.5 % fail": Fault(Rates(0.025, 0.001, 0.04)),
    "4 % fail": Fault(Rates(0.04, 0.001, 0.04)),
    "8 % fail": Fault(Rates(0.08, 0.001, 0.04)),
    "20 % fail for 1 h": Fault(Rates(0.2, 0.001, 0.04), 1.0),
    "all fail for 20 min": Fault(Rates(0.98, 0.001, 0.04), 1 / 3),
    "8 % are slow": Fault(Rates(0.002, 0.08, 0.04)),
    "20 % are slow for 2 h": Fault(Rates(0.002, 0.2, 0.04), 2.0),
    "15 fallbacks in 5 min": Fault(Rates(0.002, 0.001, 3.0)),
}


@dataclass(slots=True)
class _Events:
    """Events with a probability for each trial. It draws the trials until the next event: there are few events."""

    rng: random.Random
    probability: float = 0.0
    left: float = math.inf

    def among(self, trials: int, probability: float) -> int:
        if probability != self.probability:
            self.probability, self.left = probability, self._draw(probability)
        found, self.left = 0, self.left - trials
        while self.left <= 0:
            found += 1
            self.left += self._draw(probability)
        return found

    def _draw(self, probability: float) -> float:
        if probability <= 0:
            return math.inf
        return 1.0 if probability >= 1 else math.floor(math.log(1 - self.rng.random()) / math.log1p(-probability)) + 1


@dataclass(slots=True)
class Counts:
    """Totals since six hours before the watch, after each interval."""

    tried: list[int] = field(default_factory=lambda: [0])
    failed: list[int] = field(default_factory=lambda: [0])
    slow: list[int] = field(default_factory=lambda: [0])
    fallbacks: list[int] = field(default_factory=lambda: [0])

    def add(self, tried: int, failed: int, slow: int, fallbacks: int) -> None:
        """One interval more."""
        for totals, more in (
            (self.tried, tried),
            (self.failed, failed),
            (self.slow, slow),
            (self.fallbacks, fallbacks),
        ):
            totals.append(totals[-1] + more)


@dataclass(slots=True)
class _Sampler:
    """The values of ticks. The application started after the interval `application`, the exporter after `exporter`."""

    counts: Counts
    interval: float
    application: int = 0
    exporter: int = 0

    def values(self, now: int) -> dict[str, float]:
        """After the interval `now`. A ratio without trials is absent."""
        counts = self.counts
        attempts = self._grown(counts.tried, now, 5 * MINUTE)
        long, longest = self._grown(counts.failed, now, 6 * HOUR), self._grown(counts.tried, now, 6 * HOUR)
        jobs, slow = self._grown(counts.tried, now, 10 * MINUTE), self._grown(counts.slow, now, 10 * MINUTE)
        found: dict[str, float] = {
            "outbox:fsm_attempts:increase5m": attempts,
            "outbox:fsm_attempts:increase1h": self._grown(counts.tried, now, HOUR),
            "outbox:fsm_failures:increase6h": long,
            "outbox:fallback_activations:increase5m": self._grown(counts.fallbacks, now, 5 * MINUTE),
            "outbox:completed_jobs:increase30m": self._grown(counts.tried, now, 30 * MINUTE),
            **self._counters(now),
        }
        if attempts:
            found["outbox:fsm_failure_ratio:5m"] = self._grown(counts.failed, now, 5 * MINUTE) / attempts
        if longest:
            found["outbox:fsm_failure_ratio:6h"] = long / longest
        if jobs:
            found["outbox:processing_time_p95_seconds"] = 100.0 if slow > _TWENTIETH * jobs else 2.5
        return found

    def _counters(self, now: int) -> dict[str, float]:
        counts = self.counts
        failed = counts.failed[now] - counts.failed[self.application]
        jobs = counts.tried[now] - counts.tried[self.exporter]
        return {
            _SUCCEEDED: counts.tried[now] - counts.tried[self.application] - failed,
            _FAILED: failed,
            _FALLBACKS: counts.fallbacks[now] - counts.fallbacks[self.application],
            _JOBS: jobs,
            _IN_A_MINUTE: jobs - counts.slow[now] + counts.slow[self.exporter],
        }

    def _grown(self, totals: Sequence[int], now: int, seconds: float) -> int:
        """In a window, or since the exporter has started."""
        return totals[now] - totals[max(now - round(seconds / self.interval), self.exporter, 0)]


@dataclass(frozen=True, slots=True)
class Day:
    """One simulated day with a tick at each `interval`, seconds. `fault` begins at `begin` seconds."""

    number: int
    seed: int
    interval: float
    shape: str
    kind: str
    rates: Rates
    fault: Fault | None = None
    begin: float = 0.0

    def ticks(self) -> Iterator[Tick]:
        """The ticks of the watch. Exporter and application restart up to twice; the exporter's restarts leave gaps."""
        rng = random.Random(f"{self.seed}/{self.number}/{self.kind}/{self.shape}")  # noqa: S311 - a simulation
        sampler, run, ended = _Sampler(self.counts(rng), self.interval), 1, 0
        offset, size = round(_BEFORE / self.interval), round(DAY / self.interval)
        longest = max(round(4 * MINUTE / self.interval), 2)
        gaps = {rng.randrange(1, size): rng.randrange(1, longest) for _ in range(rng.randrange(3))}
        resets = {rng.randrange(1, size) for _ in range(rng.randrange(3))}
        before = Cause.EXPORTER_STALLED
        for index in range(1, size + 1):
            if index in resets:
                sampler.application = offset + index - 1
            if index in gaps:
                ended, before, run = index + gaps[index], Cause.EXPORTER_DOWN, run + 1
                sampler.exporter = offset + ended - 1
            if index >= ended:
                elapsed = index * self.interval
                yield Tick(START + elapsed, elapsed, run, self.interval, sampler.values(offset + index), before=before)
                before = Cause.EXPORTER_STALLED

    def counts(self, rng: random.Random) -> Counts:
        """What happened, from six hours before the watch on."""
        found, shape = Counts(), SHAPES[self.shape]
        failed, slow, fallbacks = _Events(rng), _Events(rng), _Events(rng)
        outages, elapsed = self._outages(rng), -_BEFORE
        while elapsed < DAY:
            rates = self._rates(elapsed, outages)
            tried = int(shape(max(elapsed, 0.0) / HOUR % 24) * self.interval / MINUTE + rng.random())
            batch = _BATCH if self.kind == BATCHES else 1
            found.add(
                tried,
                min(tried, batch * failed.among(tried, rates.failed / batch)),
                slow.among(tried, rates.slow),
                # A hundred trials a second are a Poisson process but for a tiny error.
                fallbacks.among(round(100 * self.interval), rates.fallbacks / MINUTE / 100),
            )
            elapsed += self.interval
        return found

    def _outages(self, rng: random.Random) -> list[tuple[float, float]]:
        """Two, of one to three minutes, if the day has any: from and until when."""
        if self.kind != OUTAGES:
            return []
        starts = (rng.uniform(0, DAY / 2 - HOUR), rng.uniform(DAY / 2, DAY - HOUR))
        return [(start, start + rng.uniform(1, 3) * MINUTE) for start in starts]

    def _rates(self, elapsed: float, outages: Sequence[tuple[float, float]]) -> Rates:
        if any(start <= elapsed < end for start, end in outages):
            return Rates(1.0, 1.0, 20 * self.rates.fallbacks)
        if self.fault and self.begin <= elapsed < self.begin + self.fault.hours * HOUR:
            return self.fault.rates
        return self.rates


def healthy_days(days: int, seed: int, interval: float) -> Iterator[Day]:
    """Every kind of day with every shape of traffic, in turn."""
    for number in range(days):
        kind = list(HEALTHY)[number % len(HEALTHY)]
        shape = list(SHAPES)[number // len(HEALTHY) % len(SHAPES)]
        yield Day(number, seed, interval, shape, kind, HEALTHY[kind])


def faulty_days(days: int, seed: int, interval: float) -> Iterator[Day]:
    """So many days of each fault with each shape; it begins in the first half of the watch."""
    for kind, fault in FAULTS.items():
        for shape in SHAPES:
            for number in range(days):
                begin = random.Random(f"{seed}/{number}/{kind}").uniform(HOUR, 12 * HOUR)  # noqa: S311 - a simulation
                yield Day(number, seed, interval, shape, kind, USUAL, fault, begin)
