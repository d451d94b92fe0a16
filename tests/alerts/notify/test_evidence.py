"""Evidence is added to notifications of firing alerts, and never delays them for long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from alerts.model import Severity
from alerts.notify import evidence
from alerts.notify.evidence import EvidenceStore
from alerts.notify.message.incidents import DeliveredState, Incident, Update
from tests.alerts.notify.samples import NOON, incident


@dataclass
class Gathering:
    """A store whose work is done when the test says so; `asked` are the alerts."""

    text: str = "the table is locked"
    now: float = 0.0
    asked: list[str] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = EvidenceStore(self._gather, self.waiting.append, lambda: self.now)

    def _gather(self, alert: str) -> str:
        self.asked.append(alert)
        return self.text

    def finish(self) -> None:
        for work in self.waiting:
            work()
        self.waiting.clear()

    def evidence(self, one: Incident, state: DeliveredState = DeliveredState.FIRING) -> str | None:
        (update,) = self.store.annotate((Update(one, state),))
        return update.incident.annotations.get("evidence")


@pytest.fixture
def gathering() -> Gathering:
    return Gathering()


def test_evidence_in_time():
    """It is an annotation beside the others, for every receiver, gathered once."""
    made: list[str] = []

    def gather(alert: str) -> str:
        made.append(alert)
        return "the table is locked"

    store = EvidenceStore(gather, lambda work: threading.Thread(target=work).start())
    one = incident("OutboxSamplesStale")
    for _ in range(2):
        (update,) = store.annotate((Update(one, DeliveredState.FIRING),))
        assert update.incident.annotations == {**one.annotations, "evidence": "the table is locked"}
    assert made == ["OutboxSamplesStale"]


def test_late_evidence_comes_with_the_next_request(gathering, monkeypatch):
    """The first notification waits for a limited time, later ones not at all."""
    assert evidence.TIME_LIMIT == 1.0
    monkeypatch.setattr(evidence, "TIME_LIMIT", 0.01)
    one = incident("OutboxSamplesStale")
    assert gathering.evidence(one) is None
    gathering.now = 0.01
    assert gathering.evidence(one) is None
    gathering.finish()
    assert gathering.evidence(one) == "the table is locked"


def test_no_evidence_where_no_cause_was_found(gathering):
    """The annotations stay as they are."""
    gathering.text = ""
    one = incident("OutboxSamplesStale")
    gathering.store._start(one)
    gathering.finish()
    assert gathering.evidence(one) is None


@pytest.mark.parametrize(
    ("alert", "severity", "state"),
    [
        ("OutboxWatchdog", Severity.NONE, DeliveredState.FIRING),
        ("OutboxWatchPassed", Severity.INFO, DeliveredState.FIRING),
        ("OutboxDrill", Severity.PAGE, DeliveredState.FIRING),
        ("OutboxStalled", Severity.PAGE, DeliveredState.RESOLVED),
    ],
)
def test_what_has_no_cause_has_none(gathering, alert, severity, state):
    """Nothing is asked for the watchdog, a drill, information and resolved alerts."""
    assert gathering.evidence(incident(alert, severity), state) is None
    assert gathering.waiting == []


def test_another_incident_is_asked_about_again(gathering):
    """Of the same alert: its cause may be another one."""
    for since in (NOON, NOON + 600):
        gathering.store._start(incident("OutboxStalled", starts_at=since))
    gathering.finish()
    assert gathering.asked == ["OutboxStalled", "OutboxStalled"]


def test_a_gathering_that_fails_ends_the_wait(gathering):
    """The notification goes out without it."""

    def broken(_: str) -> str:
        raise ZeroDivisionError

    store = EvidenceStore(broken, gathering.waiting.append)
    one = incident("OutboxStalled")
    store._start(one)
    with pytest.raises(ZeroDivisionError):
        gathering.finish()
    (update,) = store.annotate((Update(one, DeliveredState.FIRING),))
    assert "evidence" not in update.incident.annotations


def test_nothing_waits_once_it_is_closed(gathering):
    """Neither a notification that waits already, nor one that comes then."""
    one = incident("OutboxStalled")
    waits = threading.Thread(target=lambda: gathering.evidence(one))
    waits.start()
    gathering.store.close()
    waits.join(5)
    assert not waits.is_alive()
    assert gathering.evidence(incident("OutboxBlind")) is None


def test_a_bounded_number_is_kept(gathering):
    """The oldest are forgotten."""
    for number in range(300):
        gathering.store._start(incident("OutboxStalled", starts_at=NOON + number))
    assert len(gathering.store._gatherings) == 200
