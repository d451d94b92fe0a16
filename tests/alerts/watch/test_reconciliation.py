"""Where the jobs went: the account adds up, and what does not is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.watch.counters import Growth
from alerts.watch.model import Reconciliation, Tick
from alerts.watch.reconciliation import EVENTS, INITIALISED, PROCESSED, Ledger
from tests.alerts.watch import worlds
from tests.alerts.watch.worlds import DAY, HOUR, during

WAITING, FAILING, EXHAUSTED = (
    f'outbox_pending_jobs{{state="{state}"}}' for state in ("waiting", "failing", "exhausted")
)


def account(history: list[Tick]) -> Reconciliation:
    growth, ledger = Growth(), Ledger()
    for tick in history:
        growth.hear(tick)
        ledger.hear(tick)
    return ledger.account(growth)


def having(**shown: float):
    names = {"waiting": WAITING, "failing": FAILING, "exhausted": EXHAUSTED, "processed": PROCESSED, "events": EVENTS}
    return lambda tick: replace(tick, values={**tick.values, **{names[name]: value for name, value in shown.items()}})


def moving(**rates: float):
    """Values that grow with time."""
    return lambda tick: having(**{name: rate * tick.elapsed for name, rate in rates.items()})(tick)


def balanced(found: Reconciliation) -> bool:
    """The identity that it is all about."""
    assert found.created is not None
    assert found.pending_before is not None
    assert found.pending_after is not None
    return found.created + found.pending_before == pytest.approx(found.processed + found.pending_after + found.removed)


def test_a_quiet_day_adds_up():
    """One job a second, all processed; every difference explained because there is none."""
    found = account(worlds.ticks())
    assert balanced(found)
    assert (found.pending_before, found.pending_after, found.failing_after) == (5, 5, 0)
    assert found.processed == found.created == DAY - 60
    assert (found.removed, found.unseen_seconds, found.differences) == (0, 0, ())
    assert found.explained


def test_what_is_left_over_is_pending_or_failing():
    """Created and not processed."""
    history = during(worlds.ticks(), 0, DAY, moving(waiting=0.1, failing=0.01, processed=1))
    found = account(history)
    assert balanced(found)
    assert found.pending_after == pytest.approx(0.11 * DAY)
    assert found.failing_after == pytest.approx(0.01 * DAY)
    assert found.created == pytest.approx(1.11 * (DAY - 60))


def test_jobs_removed_with_their_courses_are_seen_where_nothing_hides_them():
    """A thousand vanish unprocessed in a quiet hour."""
    quiet = during(worlds.ticks(), 0, DAY, having(processed=0, events=0, waiting=1000))
    found = account(during(quiet, 10 * HOUR, DAY, having(processed=0, events=0, waiting=0)))
    assert balanced(found)
    assert found.removed == 1000
    assert next((each.by, each.explanation) for each in found.differences) == (1000, "removed with their courses")


def test_initialisations_without_jobs_are_not_explained():
    """The outbox is there so that this cannot happen."""
    found = account(during(worlds.ticks(), 0, DAY, moving(events=1.5, processed=1)))
    first = found.differences[0]
    assert (first.what, first.explanation) == ("initialisations outnumber the jobs that were created", "")
    assert not found.explained


def test_the_application_counts_repeated_requests():
    """Answered from the cache they leave no event."""
    found = account(during(worlds.ticks(), 0, DAY, moving(events=0.2, processed=1)))
    (difference,) = found.differences
    assert difference.explanation == "repeated requests answered from the cache"
    assert difference.by == pytest.approx(0.3 * (DAY - 60))


def test_an_application_that_began_anew_counts_fewer():
    """Said, and why."""
    anew = lambda tick: replace(tick, values={**tick.values, INITIALISED: (tick.elapsed - 12 * HOUR) / 4})  # noqa: E731
    found = account(during(worlds.ticks(), 12 * HOUR, DAY, anew))
    (difference,) = found.differences
    assert difference.explanation == "its counters began anew"


@pytest.mark.parametrize("run", [1, 2])
def test_counters_of_ours_that_begin_anew(run):
    """By a restart or a reload: what was counted since belongs to the watch, what nobody counted is said."""
    history = [
        replace(tick, run=run, values={**tick.values, PROCESSED: tick.elapsed - 12 * HOUR})
        if tick.elapsed > 12 * HOUR
        else tick
        for tick in worlds.ticks()
    ]
    found = account(history)
    assert found.processed == pytest.approx(DAY - 60)
    assert found.unseen_seconds == 60


def test_nothing_seen_is_nothing_known():
    """No numbers out of nowhere."""
    found = account([])
    assert (found.created, found.pending_before, found.pending_after, found.events) == (None, None, None, None)
    assert found.differences == ()
