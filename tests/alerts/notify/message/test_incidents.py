"""Incidents start, continue and end with their alerts; updates are sent in order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Alert, Severity
from alerts.notify.message.incidents import (
    DeliveredState,
    Incidents,
    Update,
    all_updates,
    latest_per_alert,
    limit_incidents,
    next_update,
    pending_updates,
    update_incidents,
    with_delivered_states,
    without_finished,
)
from tests.alerts.notify.samples import NOON, alert, evaluation, incident, labels, pending

ABSENCE_TIMEOUT = 300.0


def everything(_: Alert) -> bool:
    return True


def after(incidents: Incidents, at: float, *alerts: Alert, resolved: tuple[Alert, ...] = ()) -> Incidents:
    return update_incidents(incidents, evaluation(at, alerts, resolved), everything, ABSENCE_TIMEOUT)


def test_an_incident_starts_when_an_alert_fires() -> None:
    """A firing alert starts an incident, at the time when it began to fire."""
    (begun,) = after((), NOON + 15, alert(since=NOON))
    assert (begun.labels, begun.starts_at, begun.ends_at, begun.delivered_state) == (
        labels(),
        NOON,
        None,
        DeliveredState.NOTHING,
    )


def test_nothing_of_pending_muted_and_unwanted_alerts() -> None:
    """Pending and muted alerts, and severities that the receiver does not receive, start no incident."""
    assert after((), NOON, pending(), alert("OutboxBacklogHigh", muted=True)) == ()
    tickets = update_incidents(
        (), evaluation(NOON, [alert()]), lambda each: each.key.severity == Severity.TICKET, ABSENCE_TIMEOUT
    )
    assert tickets == ()


def test_an_alert_starts_an_incident_when_it_is_no_longer_muted() -> None:
    """Its incident starts then, with the time since which the alert has fired."""
    assert after((), NOON, alert(muted=True)) == ()
    assert after((), NOON + 60, alert(since=NOON)) == (incident(starts_at=NOON),)


def test_an_incident_continues_while_its_alert_fires() -> None:
    """An alert that keeps firing, muted or not, keeps its incident; the annotations are updated."""
    before = after((), NOON, alert(value=400))
    for muted in (False, True):
        (going_on,) = after(before, NOON + 15, alert(value=500, muted=muted))
        assert going_on == before[0]
        assert going_on.annotations["description"] == "It is 500."


def test_ends_when_it_is_resolved() -> None:
    """An incident ends when its alert is resolved; its end does not change afterwards."""
    over = after(after((), NOON, alert()), NOON + 60, resolved=(alert(),))
    assert [each.ends_at for each in over] == [NOON + 60]
    assert after(over, NOON + 900) == over


def test_resolved_and_firing_again_are_two_incidents() -> None:
    """An alert that fires again starts another incident, even in the same evaluation."""
    first = after((), NOON, alert())
    second = after(first, NOON + 60, alert(since=NOON + 60), resolved=(alert(),))
    assert [(each.starts_at, each.ends_at) for each in second] == [(NOON, NOON + 60), (NOON + 60, None)]


def test_incidents_of_an_alert_do_not_overlap() -> None:
    """With a clock set back, an incident does not end before its start, and the next does not start before that end."""
    over = after(after((), NOON, alert()), NOON - 600, resolved=(alert(),))
    assert over[0].ends_at == NOON
    again = after(over, NOON - 500, alert(since=NOON - 500))
    assert again[1].starts_at == NOON


def test_a_missing_alert_ends_after_the_timeout() -> None:
    """One whose rule is gone, or that an earlier run announced, is over when it was neither firing nor pending long."""
    incidents: Incidents = (incident(),)
    for at in (NOON, NOON + ABSENCE_TIMEOUT - 1):
        incidents = after(incidents, at)
        assert incidents[0].is_open
    assert after(incidents, NOON + ABSENCE_TIMEOUT)[0].ends_at == NOON + ABSENCE_TIMEOUT


def test_an_alert_that_returns_in_time_continues_its_incident() -> None:
    """An alert that returns in time, firing or pending, continues its incident."""
    gone = after((incident(),), NOON)
    for here in (pending(), alert(since=NOON + 200)):
        back = after(gone, NOON + ABSENCE_TIMEOUT - 1, here)
        assert back == (incident(),)
        assert after(after(back, NOON + ABSENCE_TIMEOUT), NOON + 2 * ABSENCE_TIMEOUT - 1)[0].is_open  # counted anew


def test_finished_incidents_are_dropped_after_the_retention() -> None:
    """Delivered ends are dropped after the retention; pending updates and open incidents are not."""
    over = incident(ends_at=NOON, delivered_state=DeliveredState.RESOLVED)
    refused = incident("OutboxBlind", ends_at=NOON, delivered_state=DeliveredState.REFUSED)
    kept = (
        incident("OutboxJobsExhausted", ends_at=NOON, delivered_state=DeliveredState.FIRING),
        incident("OutboxHeadBlocked", delivered_state=DeliveredState.REFUSED),
    )
    assert without_finished((over, refused, *kept), NOON + 899, 900) == (over, refused, *kept)
    assert without_finished((over, refused, *kept), NOON + 900, 900) == kept


def test_the_latest_incident_of_each_alert() -> None:
    """For a receiver of states, the last incident of an alert replaces earlier ones."""
    again = incident(starts_at=NOON + 60)
    assert latest_per_alert((incident(ends_at=NOON + 10), incident("OutboxBlind"), again)) == (
        again,
        incident("OutboxBlind"),
    )


def test_delivered_states_are_set_by_key() -> None:
    """A delivered state is set on that incident and no other."""
    first, second = incident(ends_at=NOON + 10), incident(starts_at=NOON + 60)
    assert with_delivered_states((first, second), {first.key: DeliveredState.FIRING}) == (
        replace(first, delivered_state=DeliveredState.FIRING),
        second,
    )


def test_nothing_is_dropped_within_the_capacity() -> None:
    """Up to the capacity everything stays."""
    incidents = (incident(), incident("OutboxBlind"))
    assert limit_incidents(incidents, 2, ()) == (incidents, ())


def test_order_of_drops_over_capacity() -> None:
    """Finished incidents are dropped first; then ended ones that were not sent, oldest first; then the newest."""
    done = incident("A", ends_at=NOON, delivered_state=DeliveredState.RESOLVED)
    old, young = incident("B", ends_at=NOON), incident("C", ends_at=NOON)
    known, fresh, freshest = incident("D", delivered_state=DeliveredState.FIRING), incident("E"), incident("F")
    incidents = (done, old, young, known, fresh, freshest)
    assert limit_incidents(incidents, 5, ()) == ((old, young, known, fresh, freshest), ())
    assert limit_incidents(incidents, 4, ()) == ((young, known, fresh, freshest), (old,))
    assert limit_incidents(incidents, 2, ()) == ((known, fresh), (old, young, freshest))
    assert limit_incidents(incidents, 0, ()) == ((known,), (old, young, freshest, fresh))


def test_an_incident_being_sent_is_not_dropped() -> None:
    """An incident in flight is not dropped: its end must follow."""
    old, young = incident("B", ends_at=NOON), incident("C", ends_at=NOON)
    assert limit_incidents((old, young), 1, (each.key for each in (old,))) == ((old,), (young,))


LATER = NOON + 60


@pytest.mark.parametrize(
    ("delivered_state", "ends_at", "updates"),
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
def test_pending_updates(delivered_state: DeliveredState, ends_at: float | None, updates: list[DeliveredState]) -> None:
    """The start is sent before the end, each once; a refused incident has no end to send."""
    one = incident(ends_at=ends_at, delivered_state=delivered_state)
    assert pending_updates((one,)) == tuple(Update(one, new_state) for new_state in updates)


def test_updates_of_an_alert_are_in_order() -> None:
    """An incident waits until the end of the previous one was delivered."""
    first, second = incident(ends_at=LATER), incident(starts_at=LATER)
    assert next_update((first, second), {}) == Update(first, DeliveredState.FIRING)
    assert next_update((replace(first, delivered_state=DeliveredState.FIRING), second), {}) == Update(
        replace(first, delivered_state=DeliveredState.FIRING), DeliveredState.RESOLVED
    )
    assert next_update((second,), {}) == Update(second, DeliveredState.FIRING)


def test_pages_first_then_the_oldest() -> None:
    """Pages are sent first; otherwise the oldest."""
    ticket, page = incident("OutboxJobsExhausted", Severity.TICKET), incident("OutboxStalled", starts_at=LATER)
    blind = incident("OutboxBlind", starts_at=LATER + 1)
    assert next_update((ticket, page, blind), {}) == Update(page, DeliveredState.FIRING)


def test_a_failed_update_goes_to_the_end_of_the_queue() -> None:
    """A failed notification goes to the end of the queue, and returns when the others have failed as often."""
    first, second = incident("OutboxStalled"), incident("OutboxBlind")
    assert next_update((first, second), {labels("OutboxStalled"): 1}) == Update(second, DeliveredState.FIRING)
    assert next_update((first, second), {labels("OutboxStalled"): 1, labels("OutboxBlind"): 1}) == Update(
        first, DeliveredState.FIRING
    )


def test_nothing_to_send() -> None:
    """Without incidents, and with delivered ones, there is no next update."""
    assert next_update((), {}) is None
    assert next_update((incident(delivered_state=DeliveredState.FIRING),), {}) is None


def test_a_state_is_everything() -> None:
    """A receiver of states receives the state of every incident, delivered or not."""
    is_open, over = (
        incident(delivered_state=DeliveredState.FIRING),
        incident("OutboxBlind", ends_at=LATER, delivered_state=DeliveredState.FIRING),
    )
    assert all_updates((is_open, over)) == (
        Update(is_open, DeliveredState.FIRING),
        Update(over, DeliveredState.RESOLVED),
    )
