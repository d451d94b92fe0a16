"""The encoding of sample blocks: bytes of numbers that change little, next to each other, and compressed.

A block is a few minutes of scrapes. Most series do not change within it, and take a few bytes.
"""

import json
import math
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from alerts.model import SampleBlock, SeriesName

_SIZE = 8


@dataclass(frozen=True, slots=True)
class SeriesList:
    """The series of a block, in order, each as JSON: metric and labels."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, series: Sequence[SeriesName]) -> "SeriesList":
        """The list of these series."""
        return cls(tuple(json.dumps(each, separators=(",", ":")) for each in series))

    def series(self) -> tuple[SeriesName, ...]:
        """The series. Raises: ValueError or TypeError when a name is none."""
        found = (json.loads(name) for name in self.names)
        return tuple((str(metric), tuple((str(k), str(v)) for k, v in labels)) for metric, labels in found)


class SampleRow(NamedTuple):
    """A row of samples. Units: `t` milliseconds on the time line, `at` Unix milliseconds, both of the last scrape."""

    t: int
    at: int
    series: int
    block: bytes
    checksum: int

    @property
    def expected_checksum(self) -> int:
        """The checksum of the other columns."""
        return zlib.crc32(self.block, zlib.crc32(f"{self.t}/{self.at}/{self.series}".encode()))


def pack(block: SampleBlock, series: Sequence[SeriesName]) -> bytes:
    """Encode a block. `series` are at least those of the block."""
    unknown = array("d", [math.nan]) * len(block.times)
    numbers = _little_endian(array("q", block.times)).tobytes()
    numbers += b"".join(_little_endian(array("d", block.columns.get(name, unknown))).tobytes() for name in series)
    return zlib.compress(b"".join(numbers[place::_SIZE] for place in range(_SIZE)))


def unpack(packed: bytes, series: Sequence[SeriesName]) -> SampleBlock:
    """Decode a block. Raises: ValueError or zlib.error when it is none."""
    shuffled = zlib.decompress(packed)
    count, rest = divmod(len(shuffled) // _SIZE, len(series) + 1)
    if rest or len(shuffled) % _SIZE:
        raise ValueError("a block of samples has the wrong length")
    numbers = bytearray(len(shuffled))
    for place in range(_SIZE):
        numbers[place::_SIZE] = shuffled[place * len(shuffled) // _SIZE : (place + 1) * len(shuffled) // _SIZE]
    times = _little_endian(array("q", bytes(numbers[: count * _SIZE])))
    values = _little_endian(array("d", bytes(numbers[count * _SIZE :])))
    columns = {name: values[number * count : (number + 1) * count] for number, name in enumerate(series)}
    return SampleBlock(times, {name: column for name, column in columns.items() if not _is_unknown(column)})


def _is_unknown(column: "array[float]") -> bool:
    return all(map(math.isnan, column))


def _little_endian(numbers: "array[Any]") -> "array[Any]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
