"""Conditions of checks."""

from __future__ import annotations

import pytest

from alerts.watch.model.check import Condition


@pytest.mark.parametrize(
    ("above", "inclusive", "value", "holds"),
    [
        (True, False, 101, True),
        (True, False, 100, False),
        (True, True, 100, True),
        (True, True, 99, False),
        (False, False, 99, True),
        (False, False, 100, False),
        (False, False, 101, False),
    ],
)
def test_a_condition_holds_beyond_its_limit(above, inclusive, value, holds):
    """The limit itself is a breach only if the condition includes it."""
    assert Condition("x", above=above, limit=100, inclusive=inclusive).holds(value) is holds
