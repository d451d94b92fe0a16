"""What is told next, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Severity
from alerts.notify.episodes import Told
from alerts.notify.steps import Step, news, next_step, state, untold
from tests.alerts.notify.samples import NOON, episode, labels

LATER = NOON + 60


@pytest.mark.parametrize(
    ("heard", "ends_at", "steps"),
    [
        (Told.NOTHING, None, [Told.FIRING]),
        (Told.NOTHING, LATER, [Told.FIRING, Told.RESOLVED]),
        (Told.FIRING, None, []),
        (Told.FIRING, LATER, [Told.RESOLVED]),
        (Told.RESOLVED, LATER, []),
        (Told.REFUSED, None, []),
        (Told.REFUSED, LATER, []),
    ],
)
def test_untold(heard: Told, ends_at: float | None, steps: list[Told]) -> None:
    """The beginning is told before the end, each once; what was refused has no end to tell of."""
    one = episode(ends_at=ends_at, told=heard)
    assert untold((one,)) == tuple(Step(one, tells) for tells in steps)


def test_an_alert_s_episodes_are_told_in_order() -> None:
    """A later episode waits until the end of the one before is told."""
    first, second = episode(ends_at=LATER), episode(starts_at=LATER)
    assert next_step((first, second), {}) == Step(first, Told.FIRING)
    assert next_step((replace(first, told=Told.FIRING), second), {}) == Step(
        replace(first, told=Told.FIRING), Told.RESOLVED
    )
    assert next_step((second,), {}) == Step(second, Told.FIRING)


def test_pages_first_then_the_oldest() -> None:
    """Who was down for an hour hears pages first; otherwise first come, first served."""
    ticket, page = episode("OutboxJobsExhausted", Severity.TICKET), episode("OutboxStalled", starts_at=LATER)
    blind = episode("OutboxBlind", starts_at=LATER + 1)
    assert next_step((ticket, page, blind), {}) == Step(page, Told.FIRING)


def test_an_event_that_fails_holds_up_no_other() -> None:
    """What fails goes to the end of the queue, and comes back when the others have failed as often."""
    first, second = episode("OutboxStalled"), episode("OutboxBlind")
    assert next_step((first, second), {labels("OutboxStalled"): 1}) == Step(second, Told.FIRING)
    assert next_step((first, second), {labels("OutboxStalled"): 1, labels("OutboxBlind"): 1}) == Step(
        first, Told.FIRING
    )


def test_nothing_to_tell() -> None:
    """Without episodes, and with told ones, there is no next step."""
    assert next_step((), {}) is None
    assert next_step((episode(told=Told.FIRING),), {}) is None


def test_a_state_is_everything() -> None:
    """A receiver of states hears all, told or not; news is what it does not know."""
    lasts, over = episode(told=Told.FIRING), episode("OutboxBlind", ends_at=LATER, told=Told.FIRING)
    assert state((lasts, over)) == (Step(lasts, Told.FIRING), Step(over, Told.RESOLVED))
    assert news((lasts, over)) == (Step(over, Told.RESOLVED),)
