"""What is told next, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Severity
from alerts.notify.message.incidents import DeliveredState
from alerts.notify.message.updates import Update, news, next_update, pending_updates, state
from tests.alerts.notify.samples import NOON, incident, labels

LATER = NOON + 60


@pytest.mark.parametrize(
    ("heard", "ends_at", "steps"),
    [
        (DeliveredState.NOTHING, None, [DeliveredState.FIRING]),
        (DeliveredState.NOTHING, LATER, [DeliveredState.FIRING, DeliveredState.RESOLVED]),
        (DeliveredState.FIRING, None, []),
        (DeliveredState.FIRING, LATER, [DeliveredState.RESOLVED]),
        (DeliveredState.RESOLVED, LATER, []),
        (DeliveredState.REFUSED, None, []),
        (DeliveredState.REFUSED, LATER, []),
    ],
)
def test_untold(heard: DeliveredState, ends_at: float | None, steps: list[DeliveredState]) -> None:
    """The beginning is told before the end, each once; what was refused has no end to tell of."""
    one = incident(ends_at=ends_at, told=heard)
    assert pending_updates((one,)) == tuple(Update(one, new_state) for new_state in steps)


def test_an_alert_s_episodes_are_told_in_order() -> None:
    """A later episode waits until the end of the one before is told."""
    first, second = incident(ends_at=LATER), incident(starts_at=LATER)
    assert next_update((first, second), {}) == Update(first, DeliveredState.FIRING)
    assert next_update((replace(first, told=DeliveredState.FIRING), second), {}) == Update(
        replace(first, told=DeliveredState.FIRING), DeliveredState.RESOLVED
    )
    assert next_update((second,), {}) == Update(second, DeliveredState.FIRING)


def test_pages_first_then_the_oldest() -> None:
    """Who was down for an hour hears pages first; otherwise first come, first served."""
    ticket, page = incident("OutboxJobsExhausted", Severity.TICKET), incident("OutboxStalled", starts_at=LATER)
    blind = incident("OutboxBlind", starts_at=LATER + 1)
    assert next_update((ticket, page, blind), {}) == Update(page, DeliveredState.FIRING)


def test_an_event_that_fails_holds_up_no_other() -> None:
    """What fails goes to the end of the queue, and comes back when the others have failed as often."""
    first, second = incident("OutboxStalled"), incident("OutboxBlind")
    assert next_update((first, second), {labels("OutboxStalled"): 1}) == Update(second, DeliveredState.FIRING)
    assert next_update((first, second), {labels("OutboxStalled"): 1, labels("OutboxBlind"): 1}) == Update(
        first, DeliveredState.FIRING
    )


def test_nothing_to_tell() -> None:
    """Without episodes, and with told ones, there is no next step."""
    assert next_update((), {}) is None
    assert next_update((incident(told=DeliveredState.FIRING),), {}) is None


def test_a_state_is_everything() -> None:
    """A receiver of states hears all, told or not; news is what it does not know."""
    is_open, over = (
        incident(told=DeliveredState.FIRING),
        incident("OutboxBlind", ends_at=LATER, told=DeliveredState.FIRING),
    )
    assert state((is_open, over)) == (Update(is_open, DeliveredState.FIRING), Update(over, DeliveredState.RESOLVED))
    assert news((is_open, over)) == (Update(over, DeliveredState.RESOLVED),)
