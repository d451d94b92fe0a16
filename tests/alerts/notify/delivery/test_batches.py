"""How alerts are split into requests after a refusal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from alerts.notify.delivery.batches import Batches
from alerts.notify.delivery.outcome import Backoff


def updates(*names: str) -> Any:
    """One update for each name; only the labels of its incident matter here."""
    return tuple(SimpleNamespace(incident=SimpleNamespace(labels=(("alertname", name),))) for name in names)


def names_of(batch: Any) -> list[str]:
    return [update.incident.labels[0][1] for update in batch]


def test_all_alerts_are_one_batch():
    """While the receiver accepts them."""
    batches, all_updates = Batches(), updates("a", "b", "c")
    batches.begin(all_updates, 0.0)
    assert names_of(batches.take(all_updates)) == ["a", "b", "c"]
    assert not batches.is_split
    assert batches.take(all_updates) == ()


def test_a_refused_batch_is_halved():
    """Both halves come next, in their order."""
    batches, all_updates = Batches(), updates("a", "b", "c")
    batches.begin(all_updates, 0.0)
    batches.halve(batches.take(all_updates))
    assert batches.is_split
    assert names_of(batches.take(all_updates)) == ["a"]
    assert names_of(batches.take(all_updates)) == ["b", "c"]


def test_a_refused_alert_waits_for_its_own_retry():
    """It is left out of the common batch, and alone in a request once it is due; an accepted one is common again."""
    batches, all_updates = Batches(), updates("a", "b")
    batches.refuse(all_updates[0], Backoff(until=100.0))
    assert batches.retry_at() == 100.0
    batches.refuse(updates("c")[0], Backoff(until=50.0))
    assert batches.retry_at() == 50.0
    batches.accepted(updates("c"))
    assert names_of(batches.not_refused(all_updates)) == ["b"]
    batches.begin(batches.not_refused(all_updates), 99.0)
    assert names_of(batches.take(all_updates)) == ["b"]
    assert not batches.is_split
    batches.begin(batches.not_refused(all_updates), 100.0)
    assert names_of(batches.take(all_updates)) == ["b"]
    assert names_of(batches.take(all_updates)) == ["a"]
    batches.accepted(all_updates[:1])
    assert batches.retry_at() is None
    assert names_of(batches.not_refused(all_updates)) == ["a", "b"]


def test_an_ended_alert_is_removed():
    """Neither its backoff nor its place in a batch stays."""
    batches, all_updates = Batches(), updates("a", "b")
    batches.refuse(all_updates[0], Backoff(until=100.0))
    batches.begin(updates("b"), 0.0)
    batches.retain(frozenset())
    assert batches.retry_at() is None
    assert not batches.is_split
