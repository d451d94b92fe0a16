"""The records of a history beside watches and judgements, and the encoding of ticks."""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

from alerts.watch.model.tick import AlertChange, Cause, CollectorProblem, Tick
from alerts.watch.store import serialization

_HEAD = struct.Struct("<qqddqq")


@dataclass(frozen=True, slots=True)
class ExporterRun:
    """One process of the exporter with one configuration.

    `era` is that of its clock, `started_at` Unix seconds, `interval` seconds. `stopped_at` is None while it runs and
    after it was killed. `process_at` is when the process began, Unix seconds: a reload begins a run in the same one.
    """

    number: int
    version: str
    era: str
    started_at: float
    interval: float
    stopped_at: float | None = None
    process_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of a tick's numbers, in order."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimelineMark:
    """A stored moment, seconds on the time line."""

    t: float


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """A request of a command to the running exporter: `start` or `stop`. `answer` is empty until it is processed.

    `at` is Unix seconds.
    """

    action: str
    at: float
    reason: str = ""
    answer: str = ""
    granted: bool = False


class TickRow(NamedTuple):
    """A row of ticks. Units: `t` milliseconds on the time line, `at` Unix seconds, `steady` seconds since boot."""

    t: int
    run: int
    at: float
    steady: float
    layout: int
    numbers: bytes
    details: str
    previous: int
    checksum: int

    @property
    def expected_checksum(self) -> int:
        """The checksum of the other columns."""
        head = _HEAD.pack(self.t, self.run, self.at, self.steady, self.layout, self.previous)
        return crc32(self.details.encode(), crc32(self.numbers, crc32(head)))


def pack(tick: Tick, names: Sequence[str]) -> tuple[bytes, str]:
    """Encode a tick as numbers and JSON details. Values that the layout does not name are left out."""
    numbers = struct.pack(f"<{len(names)}d", *(tick.values.get(name, math.nan) for name in names))
    details: dict[str, Any] = {"interval": tick.interval}
    if tick.problems:
        details["troubles"] = [[each.collector, each.cause.value, each.stale] for each in tick.problems]
    if tick.firing:
        details["firing"] = list(tick.firing)
    if tick.held:
        details["held"] = list(tick.held)
    if tick.maintenance is not False:
        details["maintenance"] = tick.maintenance_reason if tick.maintenance else None
    if tick.before is not Cause.EXPORTER_STALLED:
        details["before"] = tick.before.value
    if tick.step:
        details["step"] = tick.step
    if tick.changes:
        details["changes"] = serialization.serialize(tick.changes)
    return numbers, json.dumps(details, separators=(",", ":"))


def unpack(row: TickRow, names: Sequence[str], elapsed: float) -> Tick:
    """Decode a tick. Units: `elapsed` seconds.

    Raises: ValueError, KeyError, TypeError or struct.error when the row is no tick.
    """
    details: dict[str, Any] = json.loads(row.details)
    values = zip(names, struct.unpack(f"<{len(names)}d", row.numbers), strict=True)
    return Tick(
        at=row.at,
        elapsed=elapsed,
        run=row.run,
        interval=details["interval"],
        values={name: value for name, value in values if not math.isnan(value)},
        problems=tuple(
            CollectorProblem(collector, Cause(cause), stale) for collector, cause, stale in details.get("troubles", ())
        ),
        firing=tuple(details.get("firing", ())),
        held=tuple(details.get("held", ())),
        maintenance=details["maintenance"] is not None or None if "maintenance" in details else False,
        maintenance_reason=details.get("maintenance") or "",
        before=Cause(details.get("before", Cause.EXPORTER_STALLED)),
        step=details.get("step", 0.0),
        changes=serialization.deserialize(tuple[AlertChange, ...], details.get("changes", ())),
    )
