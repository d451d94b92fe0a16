"""Everybody over the same data, one after the other, in each variant of the schema."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.exporters import OURS, Exporter
from benchmarks.measure import Arena, Result, measure
from benchmarks.plan import Pace, Variant
from benchmarks.world import World

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of all exporters in one variant of the schema."""

    variant: Variant
    results: tuple[Result, ...]


def compare(world: World, exporters: list[Exporter]) -> Iterator[Comparison]:
    """One comparison per variant."""
    size = world.plan.size
    database = world.filled(size)
    for variant in world.plan.variants:
        with world.arena(database, size, variant) as arena:
            results = [in_turn(arena, exporter, world.plan.pace) for exporter in exporters]
        yield Comparison(variant, tuple(result for result in results if result is not None))


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
