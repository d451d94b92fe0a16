"""The changes of a watch, and those before a breach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.analysis.changes import before, changes_of, listed, relative
from alerts.watch.analysis.verdict import evaluate_watch
from alerts.watch.model.change import Change, ChangeKind
from alerts.watch.model.tick import TimeSpan
from alerts.watch.store.history import History
from tests.alerts.watch import fixtures
from tests.alerts.watch.fixtures import DAY, START

BREACH = TimeSpan(START + 5000, START + 5600, 5000.0, 600.0)


def change(earliest: float, latest: float | None = None, kind: ChangeKind = ChangeKind.LOCK) -> Change:
    latest = earliest if latest is None else latest
    return Change(kind, f"{kind} happened", START + latest, earliest, latest)


@pytest.mark.parametrize(
    ("earliest", "latest", "is_listed"),
    [
        (4000, 4099, False),  # more than a quarter of an hour
        (4000, 4100, True),
        (4999, 5000, True),
        (5000, 5060, True),  # between the same two ticks as the begin of the breach
        (5060, 5120, False),
        (4500, 5500, True),  # it may have been before
    ],
)
def test_changes_that_may_have_come_before(earliest, latest, is_listed):
    """In the quarter of an hour before the breach; one that certainly came after it is none."""
    assert bool(before(BREACH, (change(earliest, latest),), 60.0)) is is_listed


@pytest.mark.parametrize(
    ("earliest", "latest", "text"),
    [
        (4960, 4960, "lock happened 40 s earlier"),
        (4400, 4700, "lock happened 5 min to 10 min earlier"),
        (4880, 5060, "lock happened at most 2 min earlier"),
        (5000, 5060, "lock happened at the same time"),
        (5000, 5000, "lock happened at the same time"),
    ],
)
def test_how_long_before(earliest, latest, text):
    """As exact as it is known, and not as a cause."""
    assert relative(change(earliest, latest), BREACH) == text


def test_the_list():
    """In the order of time; empty without a change."""
    assert (
        listed(BREACH, (change(4700), change(4960)), 60.0) == "lock happened 5 min earlier; lock happened 40 s earlier"
    )
    assert listed(BREACH, (change(100),), 60.0) == ""


def test_the_changes_of_a_watch(tmp_path):
    """Those of the history from shortly before to its end, by the time of the watch; each once."""
    judgement = evaluate_watch(
        fixtures.watch(),
        [replace(tick, step=5.0 if tick.elapsed == 600 else 0.0) for tick in fixtures.ticks(1200)],
        START + 1200,
        1200.0,
        final=True,
    )
    watch = replace(fixtures.watch(), started=1000.0)
    with History.writer(tmp_path) as history:
        assert [(each.kind, each.latest) for each in changes_of(history, watch, judgement)] == [
            (ChangeKind.CLOCK_STEP, 600.0)
        ]
        for number, (at, kind) in enumerate(
            (
                (50.0, ChangeKind.LOCK),
                (200.0, ChangeKind.FAILOVER),
                (1600.0, ChangeKind.CLOCK_STEP),
                (DAY, ChangeKind.LOCK),
            )
        ):
            history.put(number, change(at, kind=kind))
        assert [(each.kind, each.latest) for each in changes_of(history, watch, judgement)] == [
            (ChangeKind.FAILOVER, -800.0),
            (ChangeKind.CLOCK_STEP, 600.0),
        ]
