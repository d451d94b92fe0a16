"""Watches and their states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.model.watch import WatchState
from tests.alerts.watch import fixtures


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("waiting", None),
        ("running", None),
        ("passed", "PASS"),
        ("failed", "FAIL"),
        ("inconclusive", "INCONCLUSIVE"),
    ],
)
def test_a_verdict_belongs_to_a_state(state, verdict):
    """There is none before the end."""
    assert replace(fixtures.watch(), state=WatchState(state)).verdict == verdict


def test_a_watch_is_open_until_it_is_closed():
    """Also after an early FAIL."""
    failed = replace(fixtures.watch(), state=WatchState.FAILED, decided_at=1.0)
    assert failed.is_open
    assert not replace(failed, closed_at=2.0).is_open
