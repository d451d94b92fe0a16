"""Sample blocks are decoded as they were, are small, and are refused when they are damaged."""

from __future__ import annotations

import math
import random
import zlib
from array import array

import pytest

from alerts.model import SampleBlock, SeriesName
from alerts.watch.store.samples import SampleRow, SeriesList, pack, unpack

ONE, TWO, GONE = ("a", (("x", "1"), ("y", "ä"))), ("b", ()), ("c", ())
TIMES = array("q", [1_763_460_000_000 + 15_000 * number for number in range(16)])


def block() -> SampleBlock:
    gaps = array("d", [math.nan if number % 5 == 0 else number * 0.1 for number in range(16)])
    return SampleBlock(TIMES, {ONE: array("d", [math.inf, *range(15)]), TWO: gaps})


def test_a_block_is_decoded_as_it_was():
    """Bit by bit; a series of the list that the block lacks stays away."""
    found = unpack(pack(block(), (TWO, GONE, ONE)), (TWO, GONE, ONE))
    assert found.times == TIMES
    assert {name: column.tobytes() for name, column in found.columns.items()} == {
        name: column.tobytes() for name, column in block().columns.items()
    }


def test_series_that_do_not_change_take_a_few_bytes():
    """A hundred series, of which ten change: 16 scrapes of all of them in 2 kB."""
    drawn = random.Random(1)
    columns: dict[SeriesName, array[float]] = {
        (f"m{number}", ()): array("d", [1_763_460_000.0 + number] * 16)
        if number % 10
        else array("d", [float(1000 + 7 * each + drawn.randrange(7)) for each in range(16)])
        for number in range(100)
    }
    packed = pack(SampleBlock(TIMES, columns), tuple(columns))
    assert len(packed) < 2000


@pytest.mark.parametrize("packed", [b"", b"no", zlib.compress(b"1234567"), zlib.compress(b"12345678" * 5)])
def test_other_bytes_are_refused(packed):
    """Of the wrong length or not compressed."""
    with pytest.raises((ValueError, zlib.error)):
        unpack(packed, (ONE, TWO, GONE))


def test_the_list_of_series():
    """Metrics and labels are read as they were."""
    assert SeriesList.of((ONE, TWO)).series() == (ONE, TWO)
    with pytest.raises(ValueError, match="Expecting value"):
        SeriesList(("no json",)).series()


def test_the_checksum_covers_everything():
    """Each column changes it."""
    row = SampleRow(1, 2, 3, b"block", 0)
    others = [row._replace(t=9), row._replace(at=9), row._replace(series=9), row._replace(block=b"BLOCK")]
    assert row.expected_checksum not in {each.expected_checksum for each in others}
    assert row._replace(checksum=7).expected_checksum == row.expected_checksum
