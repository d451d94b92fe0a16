"""Random series like scraped ones: counters with resets, random-walk gauges, gaps, targets that go down.

Scrapes fall on even milliseconds, so that a test that asks at odd ones never asks for the very edge of a window, where
Prometheus 2 and 3 differ. They also differ by a little where a counter is born small in the middle of a window; so a
counter that comes back after a gap is either at zero or large.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from random import Random
from typing import Final

from alerts.model import Labels
from alerts.promql.storage import Sample
from tests.alerts.promql.remotewrite import Written

START: Final = 1_700_000_000_000
STEP: Final = 15_000
JITTER: Final = 100
GROWTH: Final = 5
BOUNDS: Final = ("0.5", "1.0", "5.0", "30.0", "300.0", "+Inf")
JOBS: Final = ("a", "b")
INSTANCES: Final = ("one", "two")


@dataclass(frozen=True, slots=True)
class RandomScrape:
    """Everything seen at one time, milliseconds."""

    at: int
    samples: tuple[Sample, ...]


@dataclass(slots=True)
class _Counter:
    random: Random
    value: int = 0
    fresh: bool = True

    def next(self) -> float:
        draw = self.random.random()
        if draw < 0.02:
            self.value = 0
        elif draw < 0.7 and not self.fresh:
            self.value += self.random.randint(1, GROWTH)
        self.fresh = False
        return float(self.value)

    def reappear(self) -> None:
        self.value = 0 if self.value < 4 * GROWTH else self.value
        self.fresh = True


@dataclass(slots=True)
class _Gauge:
    random: Random
    value: float = 10.0

    def next(self) -> float:
        draw = self.random.random()
        if draw < 0.02:
            return self.random.choice((math.nan, math.inf, -math.inf))
        if draw < 0.7:
            self.value += self.random.uniform(-3, 3)
        return self.value

    def reappear(self) -> None:
        self.value = self.random.uniform(0, 100)


@dataclass(slots=True)
class _Flag:
    random: Random
    value: float = 1.0

    def next(self) -> float:
        if self.random.random() < 0.1:
            self.value = 1 - self.value
        return self.value

    def reappear(self) -> None:
        """Unpublished series do not change."""


@dataclass(slots=True)
class _Histogram:
    random: Random
    counts: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    fresh: bool = True

    def next(self) -> list[float]:
        if self.random.random() < 0.02:
            self.counts = [0] * len(BOUNDS)
        for _ in range(0 if self.fresh else self.random.randrange(4)):
            self.counts[self.random.randrange(len(BOUNDS))] += 1
        self.fresh = False
        return [float(sum(self.counts[: index + 1])) for index in range(len(BOUNDS))]

    def reappear(self) -> None:
        """Born anew."""
        self.counts = [0] * len(BOUNDS)
        self.fresh = True


_Generator = _Counter | _Gauge | _Flag | _Histogram


@dataclass(slots=True)
class _RandomSeries:
    """Something with a name that is not always there."""

    metric: str
    labels: dict[str, str]
    generator: _Generator
    random: Random
    missing_for: int = 0

    def scrape(self, *, down: bool) -> Iterator[Sample]:
        if not self.missing_for and self.random.random() < 0.015:
            self.missing_for = self.random.choice((1, 2, 8, 40))
            self.generator.reappear()
        if self.missing_for:
            self.missing_for -= 1
            return
        value = self.generator.next()
        if down:
            self.generator.reappear()
            return
        if isinstance(value, float):
            yield self.metric, labelled(**self.labels), value
            return
        for bound, count in zip(BOUNDS, value, strict=True):
            yield self.metric, labelled(**self.labels, le=bound), count


def labelled(**labels: str) -> Labels:
    """Labels in their order."""
    return tuple(sorted(labels.items()))


def random_scrapes(random: Random, scrapes: int) -> list[RandomScrape]:
    """So many scrapes of two jobs with two instances each."""
    seen = list(_all_series(random))
    down: dict[tuple[str, str], int] = {}
    result = []
    for index in range(scrapes):
        for target in product(JOBS, INSTANCES):
            left = down.get(target, 0)
            down[target] = left - 1 if left else random.choice((0,) * 60 + (3, 25))
        at = START + index * STEP + 2 * random.randrange(JITTER)
        samples = (
            sample
            for each in seen
            for sample in each.scrape(
                down=bool(down.get((each.labels.get("job", ""), each.labels.get("instance", ""))))
            )
        )
        result.append(RandomScrape(at, tuple(samples)))
    return result


def _all_series(random: Random) -> Iterator[_RandomSeries]:
    for job, instance in product(JOBS, INSTANCES):
        target = {"job": job, "instance": instance}
        for result in ("good", "bad"):
            yield _RandomSeries("jobs_total", {**target, "result": result}, _Counter(random), random)
        for state in ("waiting", "failing"):
            yield _RandomSeries("depth", {**target, "state": state}, _Gauge(random), random)
        yield _RandomSeries("tries_total", target, _Counter(random), random)
        yield _RandomSeries("up", target, _Flag(random), random)
        yield _RandomSeries("seconds_bucket", target, _Histogram(random), random)
    yield _RandomSeries("lone", {}, _Gauge(random), random)


def written(scrapes: Iterable[RandomScrape]) -> list[Written]:
    """The same for Prometheus: each series with its stale markers."""
    series: dict[Labels, Written] = {}
    before: set[Labels] = set()
    for scrape in scrapes:
        now = {labelled(__name__=metric, **dict(labels)): value for metric, labels, value in scrape.samples}
        for labels, value in now.items():
            series.setdefault(labels, Written(labels)).samples.append((scrape.at, value))
        for labels in before - now.keys():
            series[labels].samples.append((scrape.at, None))
        before = set(now)
    assert all(earlier.at < later.at for earlier, later in pairwise(scrapes))
    return list(series.values())
