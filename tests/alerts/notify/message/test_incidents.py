"""Episodes begin, go on and end as alerts do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Alert, Severity
from alerts.notify.message.incidents import (
    DeliveredState,
    Incidents,
    Update,
    latest,
    limit_incidents,
    news,
    next_update,
    pending_updates,
    remembered,
    state,
    told,
    update_incidents,
)
from tests.alerts.notify.samples import NOON, alert, evaluation, incident, labels, pending

PATIENCE = 300.0


def everything(_: Alert) -> bool:
    return True


def after(episodes: Incidents, at: float, *alerts: Alert, resolved: tuple[Alert, ...] = ()) -> Incidents:
    return update_incidents(episodes, evaluation(at, alerts, resolved), everything, PATIENCE)


def test_begins_when_an_alert_fires() -> None:
    """An alert that fires begins an episode, from the moment at which it began to fire."""
    (begun,) = after((), NOON + 15, alert(since=NOON))
    assert (begun.labels, begun.starts_at, begun.ends_at, begun.told) == (labels(), NOON, None, DeliveredState.NOTHING)


def test_nothing_of_pending_muted_and_unwanted_alerts() -> None:
    """An alert that is pending or muted is not announced, nor one that the receiver does not hear of."""
    assert after((), NOON, pending(), alert("OutboxBacklogHigh", muted=True)) == ()
    tickets = update_incidents(
        (), evaluation(NOON, [alert()]), lambda each: each.key.severity == Severity.TICKET, PATIENCE
    )
    assert tickets == ()


def test_a_muted_alert_begins_when_it_is_muted_no_more() -> None:
    """Its episode begins then, and says since when it has fired."""
    assert after((), NOON, alert(muted=True)) == ()
    assert after((), NOON + 60, alert(since=NOON)) == (incident(starts_at=NOON),)


def test_goes_on_once_it_has_been_announced() -> None:
    """An alert that fires on, muted or not, stays in its episode; its texts are the last ones."""
    before = after((), NOON, alert(value=400))
    for muted in (False, True):
        (going_on,) = after(before, NOON + 15, alert(value=500, muted=muted))
        assert going_on == before[0]
        assert going_on.annotations["description"] == "It is 500."


def test_ends_when_it_is_resolved() -> None:
    """Resolved, an episode ends at that time; nothing moves it any more."""
    over = after(after((), NOON, alert()), NOON + 60, resolved=(alert(),))
    assert [each.ends_at for each in over] == [NOON + 60]
    assert after(over, NOON + 900) == over


def test_resolved_and_firing_again_are_two_episodes() -> None:
    """An alert that fires again begins another episode, also when it does so in the same evaluation."""
    first = after((), NOON, alert())
    second = after(first, NOON + 60, alert(since=NOON + 60), resolved=(alert(),))
    assert [(each.starts_at, each.ends_at) for each in second] == [(NOON, NOON + 60), (NOON + 60, None)]


def test_episodes_of_an_alert_do_not_overlap() -> None:
    """A clock that is set back neither ends an episode before it began, nor begins the next before that end."""
    over = after(after((), NOON, alert()), NOON - 600, resolved=(alert(),))
    assert over[0].ends_at == NOON
    again = after(over, NOON - 500, alert(since=NOON - 500))
    assert again[1].starts_at == NOON


def test_an_alert_that_is_not_there_ends_after_a_while() -> None:
    """One whose rule is gone, or that an earlier run announced, is over when it was neither firing nor pending long."""
    episodes: Incidents = (incident(),)
    for at in (NOON, NOON + PATIENCE - 1):
        episodes = after(episodes, at)
        assert episodes[0].is_open
    assert after(episodes, NOON + PATIENCE)[0].ends_at == NOON + PATIENCE


def test_an_alert_that_comes_back_in_time_goes_on() -> None:
    """Neither an exporter that judges anew, nor one that waits for the for-duration again, announces twice."""
    gone = after((incident(),), NOON)
    for here in (pending(), alert(since=NOON + 200)):
        back = after(gone, NOON + PATIENCE - 1, here)
        assert back == (incident(),)
        assert after(after(back, NOON + PATIENCE), NOON + 2 * PATIENCE - 1)[0].is_open  # counted anew


def test_remembers_what_was_told_for_a_while() -> None:
    """What is over and told is forgotten after the retention, what is untold or lasts never."""
    over = incident(ends_at=NOON, told=DeliveredState.RESOLVED)
    refused = incident("OutboxBlind", ends_at=NOON, told=DeliveredState.REFUSED)
    kept = (
        incident("OutboxJobsExhausted", ends_at=NOON, told=DeliveredState.FIRING),
        incident("OutboxHeadBlocked", told=DeliveredState.REFUSED),
    )
    assert remembered((over, refused, *kept), NOON + 899, 900) == (over, refused, *kept)
    assert remembered((over, refused, *kept), NOON + 900, 900) == kept


def test_the_latest_episode_of_each_alert() -> None:
    """For who knows states only, the last episode of an alert replaces those before."""
    again = incident(starts_at=NOON + 60)
    assert latest((incident(ends_at=NOON + 10), incident("OutboxBlind"), again)) == (again, incident("OutboxBlind"))


def test_told_by_key() -> None:
    """What a receiver has heard is noted at that episode, and no other."""
    first, second = incident(ends_at=NOON + 10), incident(starts_at=NOON + 60)
    assert told((first, second), {first.key: DeliveredState.FIRING}) == (
        replace(first, told=DeliveredState.FIRING),
        second,
    )


def test_few_enough_lose_nothing() -> None:
    """Up to the capacity everything stays."""
    episodes = (incident(), incident("OutboxBlind"))
    assert limit_incidents(episodes, 2, ()) == (episodes, ())


def test_what_goes_when_there_are_too_many() -> None:
    """First what is told and over, which nobody misses; then what is over and unheard, the oldest; then the newest."""
    done = incident("A", ends_at=NOON, told=DeliveredState.RESOLVED)
    old, young = incident("B", ends_at=NOON), incident("C", ends_at=NOON)
    known, fresh, freshest = incident("D", told=DeliveredState.FIRING), incident("E"), incident("F")
    episodes = (done, old, young, known, fresh, freshest)
    assert limit_incidents(episodes, 5, ()) == ((old, young, known, fresh, freshest), ())
    assert limit_incidents(episodes, 4, ()) == ((young, known, fresh, freshest), (old,))
    assert limit_incidents(episodes, 2, ()) == ((known, fresh), (old, young, freshest))
    assert limit_incidents(episodes, 0, ()) == ((known,), (old, young, freshest, fresh))


def test_what_is_just_being_told_stays() -> None:
    """An episode whose beginning is on its way is not forgotten: its end has to follow."""
    old, young = incident("B", ends_at=NOON), incident("C", ends_at=NOON)
    assert limit_incidents((old, young), 1, (each.key for each in (old,))) == ((old,), (young,))


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
