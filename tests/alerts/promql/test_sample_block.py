"""A block has the samples of successive scrapes, and what was missing from each."""

from __future__ import annotations

import math
from array import array

from alerts.promql.sample_block import block_of
from tests.alerts.promql.notation import storage

A = ("a", (("x", "1"),))


def test_the_samples_later_than_a_time():
    """One column per series that has any of them; NaN where it was missing."""
    made = storage('a{x="1"} 1 2 3 4\nb 5 _ 7 _\nold 1 1 _ _')
    block = block_of(made.series(), 15_000)
    assert block is not None
    assert block.times == array("q", [30_000, 45_000])
    assert set(block.columns) == {A, ("b", ())}
    assert block.columns[A] == array("d", [3, 4])
    assert block.columns["b", ()][0] == 7
    assert math.isnan(block.columns["b", ()][1])


def test_without_later_samples_there_is_no_block():
    """Nothing is stored twice."""
    made = storage("a 1 2")
    assert block_of(made.series(), 15_000) is None
    assert block_of([], -1) is None
