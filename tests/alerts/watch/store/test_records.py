"""The encoding of ticks."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import Any

import pytest

from alerts.watch.model.tick import Cause, CollectorProblem, Tick
from alerts.watch.store.records import TickRow, pack, unpack

NAMES = ("a", "b", "c")
TICK = Tick(1000.5, 10.0, 3, 15.0, {"a": 1.5, "c": math.inf, "unnamed": 7.0})


def row(numbers: bytes, details: str) -> TickRow:
    return TickRow(10_000, 3, 1000.5, 20.0, 1, numbers, details, 0, 0)


def test_the_encoding_is_that_of_format_version_1():
    """Doubles, little-endian, NaN for unknown; the rest as JSON, without defaults."""
    numbers, details = pack(TICK, NAMES)
    assert struct.unpack("<3d", numbers)[::2] == (1.5, math.inf)
    assert math.isnan(struct.unpack("<3d", numbers)[1])
    assert details == '{"interval":15.0}'
    full = replace(
        TICK,
        problems=(CollectorProblem("backlog", Cause.LOCK, stale=True),),
        firing=("A/page",),
        held=("B/page",),
        maintenance=True,
        maintenance_reason="deploy",
        before=Cause.EXPORTER_DOWN,
        step=-5.0,
    )
    assert pack(full, ())[1] == (
        '{"interval":15.0,"troubles":[["backlog","table locked",true]],"firing":["A/page"],"held":["B/page"],'
        '"maintenance":"deploy","before":"exporter down","step":-5.0}'
    )
    assert pack(replace(TICK, maintenance=None), ())[1] == '{"interval":15.0,"maintenance":null}'


@pytest.mark.parametrize("maintenance", [True, False, None])
def test_decoding_reverses_encoding(maintenance):
    """Values without a name in the layout are lost."""
    tick = replace(TICK, maintenance=maintenance, values={"a": 1.5, "c": math.inf})
    assert unpack(row(*pack(tick, NAMES)), NAMES, 10.0) == tick


@pytest.mark.parametrize(
    ("numbers", "details"),
    [(b"123", '{"interval":1}'), (b"", "{"), (b"", "{}"), (b"", '{"interval":1,"before":"nonsense"}')],
)
def test_other_rows_are_refused(numbers, details):
    """By errors that the history reports as damage."""
    with pytest.raises((ValueError, KeyError, TypeError, struct.error)):
        unpack(row(numbers, details), (), 0.0)


def test_a_checksum_covers_every_column():
    """CRC-32, as a later version has to compute it."""
    found = row(b"12345678", "{}")
    assert found.expected_checksum == 4260244669
    changes: dict[str, Any] = {
        "t": 1,
        "run": 1,
        "at": 1.0,
        "steady": 1.0,
        "layout": 2,
        "numbers": b"",
        "details": "",
        "previous": 1,
    }
    for name, value in changes.items():
        assert found._replace(**{name: value}).expected_checksum != found.expected_checksum, name
    assert found._replace(checksum=1).expected_checksum == found.expected_checksum
