"""All exporters over the same data, one after the other, in each variant of the schema."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException

from benchmarks.environment import Environment
from benchmarks.exporters import OURS, Contender
from benchmarks.measure import ExporterResult, Testbed, measure
from benchmarks.parallel import side_by_side
from benchmarks.plan import Durations, Size, Variant

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExporterComparison:
    """The results of all exporters in one variant of the schema.

    Attributes:
        variant: of the schema.
        results: of each exporter.
        beside: seconds of processor time per minute, by exporter, measured in parallel; empty when left out.
    """

    variant: Variant
    results: tuple[ExporterResult, ...]
    beside: Mapping[str, float]

    def of(self, exporter: str) -> ExporterResult | None:
        """The result of one exporter."""
        return next((result for result in self.results if result.exporter == exporter), None)


@dataclass(frozen=True, slots=True)
class GrowthResult:
    """One exporter in a small database with `rows` jobs and events, and in a large one."""

    variant: Variant
    rows: int
    small: ExporterResult
    large: ExporterResult


def compare(environment: Environment, exporters: list[Contender]) -> Iterator[ExporterComparison]:
    """One comparison per variant. Only the first is also measured in parallel: indexes hardly change processor time."""
    size, durations = environment.plan.size, environment.plan.durations
    for variant in environment.plan.variants:
        minutes = durations.beside_minutes if variant is environment.plan.variants[0] else 0
        with environment.testbed(size, variant) as testbed:
            found = {exporter: measure_or_skip(testbed, exporter, durations) for exporter in exporters}
            results = {exporter: result for exporter, result in found.items() if result is not None}
            beside = _parallel(testbed, tuple(results), minutes)
        yield ExporterComparison(variant, tuple(results.values()), beside)


def growth(
    environment: Environment, exporter: Contender, known: Iterable[ExporterComparison]
) -> Iterator[GrowthResult]:
    """The cost in a small database and in the large one, with the same traffic, keys and backlog.

    The result for the large one comes from the `known` comparisons where these have it.
    """
    small = replace(environment.plan.size, jobs=environment.plan.few, events=environment.plan.few)
    results = {comparison.variant: comparison.of(exporter.name) for comparison in known}
    for variant in environment.plan.grown:
        large = results.get(variant) or _measure(environment, exporter, environment.plan.size, variant)
        yield GrowthResult(variant, environment.plan.few, _measure(environment, exporter, small, variant), large)


def _measure(environment: Environment, exporter: Contender, size: Size, variant: Variant) -> ExporterResult:
    with environment.testbed(size, variant) as testbed:
        return measure(testbed, exporter, environment.plan.durations.minutes, 0, 0)


def measure_or_skip(testbed: Testbed, exporter: Contender, durations: Durations) -> ExporterResult | None:
    """The result of one exporter; None when it fails, so that the results of the others are not lost."""
    minutes = durations.minutes if exporter.name == OURS else durations.others_minutes
    try:
        return measure(testbed, exporter, minutes, durations.requests, durations.seconds)
    except RuntimeError:
        _log.exception("%s is left out", exporter.name)
        return None


def _parallel(testbed: Testbed, exporters: Sequence[Contender], minutes: float) -> Mapping[str, float]:
    """Processor time of all exporters in parallel; empty for fewer than two, or when one fails."""
    if len(exporters) < 2 or not minutes:  # noqa: PLR2004 - a comparison takes two
        return {}
    try:
        return side_by_side(testbed, exporters, minutes)
    except (RuntimeError, OSError, HTTPException):
        _log.exception("the parallel measurement is left out")
        return {}
