"""What is kept on disk beside watches and judgements, and how a tick becomes a row."""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from alerts.watch.model import AlertChange, Cause, CollectorProblem, Tick
from alerts.watch.store import serialization


@dataclass(frozen=True, slots=True)
class ExporterRun:
    """One process of the exporter, or one configuration of it. `stopped_at` is None while it runs, and when killed."""

    number: int
    version: str
    era: str  # of its clock
    started_at: float
    interval: float
    stopped_at: float | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of a tick's numbers."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """A place on the time line worth remembering."""

    t: float


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a command asks of the exporter that runs: `start` or `stop`. Without `answer` it is not heard yet."""

    action: str
    at: float
    reason: str = ""
    answer: str = ""
    granted: bool = False


@dataclass(frozen=True, slots=True)
class TickPosition:
    """When a tick was, and by which run."""

    at: float
    elapsed: float
    run: int


class _TickDetails(TypedDict, total=False):
    """The rest of a tick, as far as there is any."""

    interval: float
    troubles: list[list[Any]]
    firing: list[str]
    held: list[str]
    maintenance: str | None
    before: str
    step: float
    changes: Any


def pack(tick: Tick, names: Sequence[str]) -> tuple[bytes, str]:
    """A tick as numbers and words. Values that the layout does not name are left out."""
    numbers = struct.pack(f"<{len(names)}d", *(tick.values.get(name, math.nan) for name in names))
    words: _TickDetails = {"interval": tick.interval}
    if tick.troubles:
        words["troubles"] = [[each.collector, each.cause.value, each.stale] for each in tick.troubles]
    if tick.firing:
        words["firing"] = list(tick.firing)
    if tick.held:
        words["held"] = list(tick.held)
    if tick.maintenance is not False:
        words["maintenance"] = tick.maintenance_reason if tick.maintenance else None
    if tick.before is not Cause.EXPORTER_STALLED:
        words["before"] = tick.before.value
    if tick.step:
        words["step"] = tick.step
    if tick.changes:
        words["changes"] = serialization.plain(tick.changes)
    return numbers, json.dumps(words, separators=(",", ":"))


def unpack(numbers: bytes, words: str, names: Sequence[str], seen: TickPosition) -> Tick:
    """The tick of a row. Raises: ValueError, KeyError, TypeError or struct.error when it is none."""
    said: _TickDetails = json.loads(words)
    return Tick(
        at=seen.at,
        elapsed=seen.elapsed,
        run=seen.run,
        interval=said["interval"],
        values=_values(numbers, names),
        troubles=tuple(
            CollectorProblem(collector, Cause(cause), stale) for collector, cause, stale in said.get("troubles", ())
        ),
        firing=tuple(said.get("firing", ())),
        held=tuple(said.get("held", ())),
        maintenance=said["maintenance"] is not None or None if "maintenance" in said else False,
        maintenance_reason=said.get("maintenance") or "",
        before=Cause(said.get("before", Cause.EXPORTER_STALLED)),
        step=said.get("step", 0.0),
        changes=serialization.restore(tuple[AlertChange, ...], said.get("changes", ())),
    )


def _values(numbers: bytes, names: Sequence[str]) -> Mapping[str, float]:
    values = struct.unpack(f"<{len(names)}d", numbers)
    return {name: value for name, value in zip(names, values, strict=True) if not math.isnan(value)}
