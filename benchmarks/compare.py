"""Everybody over the same data, one after the other, in each variant of the schema."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException

from benchmarks.beside import side_by_side
from benchmarks.exporters import OURS, Exporter
from benchmarks.measure import Arena, Result, measure
from benchmarks.plan import Pace, Size, Variant
from benchmarks.world import World

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of all exporters in one variant of the schema.

    Attributes:
        variant: of the schema.
        results: of their turns.
        beside: seconds of processor time per minute, by exporter, of all at once; empty when that was left out.
    """

    variant: Variant
    results: tuple[Result, ...]
    beside: Mapping[str, float]

    def of(self, exporter: str) -> Result | None:
        """The result of one exporter."""
        return next((result for result in self.results if result.exporter == exporter), None)


@dataclass(frozen=True, slots=True)
class Growth:
    """The same exporter over few rows (`rows` jobs and events) and over many."""

    variant: Variant
    rows: int
    small: Result
    large: Result


def compare(world: World, exporters: list[Exporter]) -> Iterator[Comparison]:
    """One comparison per variant; side by side in the first, as what an exporter computes hardly depends on indexes."""
    size, pace = world.plan.size, world.plan.pace
    database = world.filled(size)
    for variant in world.plan.variants:
        minutes = pace.beside_minutes if variant is world.plan.variants[0] else 0
        with world.in_variant(database, size, variant) as arena:
            found = {exporter: in_turn(arena, exporter, pace) for exporter in exporters}
            results = {exporter: result for exporter, result in found.items() if result is not None}
            beside = _beside(arena, tuple(results), minutes)
        yield Comparison(variant, tuple(results.values()), beside)


def growth(world: World, exporter: Exporter, known: Iterable[Comparison]) -> Iterator[Growth]:
    """What `exporter` costs in a small database with the same traffic, keys and backlog, and in the large one.

    The large one's figure is taken from `known` comparisons where these have it.
    """
    small = replace(world.plan.size, jobs=world.plan.few, events=world.plan.few)
    results = {comparison.variant: comparison.of(exporter.name) for comparison in known}
    for variant in world.plan.grown:
        large = results.get(variant) or _alone(world, exporter, world.plan.size, variant)
        yield Growth(variant, world.plan.few, _alone(world, exporter, small, variant), large)


def _alone(world: World, exporter: Exporter, size: Size, variant: Variant) -> Result:
    with world.in_variant(world.filled(size), size, variant) as arena:
        return measure(arena, exporter, world.plan.pace.minutes, 0, 0)


def in_turn(arena: Arena, exporter: Exporter, pace: Pace) -> Result | None:
    """One exporter's turn, at the pace that is meant for it; None when it did not manage.

    An hour of measuring is not thrown away because one contender of four does not start: its column is missing.
    """
    minutes = pace.minutes if exporter.name == OURS else pace.others_minutes
    try:
        return measure(arena, exporter, minutes, pace.requests, pace.seconds)
    except RuntimeError:
        _log.exception("%s is left out", exporter.name)
        return None


def _beside(arena: Arena, exporters: Sequence[Exporter], minutes: float) -> Mapping[str, float]:
    """All that managed their turns at once; nothing when there is nobody to compare with, or one fails now."""
    if len(exporters) < 2 or not minutes:  # noqa: PLR2004 - a comparison takes two
        return {}
    try:
        return side_by_side(arena, exporters, minutes)
    except (RuntimeError, OSError, HTTPException):
        _log.exception("the comparison side by side is left out")
        return {}
