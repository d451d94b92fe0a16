"""Random histories of alerts, receivers, disks and crashes: nothing is lost, nothing doubled, and order is kept.

The updates that a receiver processed are compared with those that the history requires.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from alerts.model import Alert, Labels, Severity
from alerts.notify.delivery.outcome import DeliveryOutcome, DeliveryResult, RetryTiming
from alerts.notify.delivery.queue import DeliveryQueue
from alerts.notify.delivery.store import Store
from alerts.notify.message.format import fingerprint, timestamp
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.post import Message
from alerts.notify.receivers.receiver import Receiver
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import Secret
from tests.alerts.notify.samples import NOON, ROUTING_KEY, alert, evaluation

SEEDS: Final = range(8)
INTERVAL: Final = 15.0
EVALUATIONS: Final = 150
PACE: Final = RetryTiming(capacity=1000)
DELIVERED: Final = DeliveryOutcome(DeliveryResult.DELIVERED)
EVERY: Final = frozenset({Severity.PAGE, Severity.TICKET, Severity.INFO})

NAMES: Final = (
    ("OutboxStalled", Severity.PAGE),
    ("OutboxBlind", Severity.PAGE),
    ("OutboxBacklogHigh", Severity.PAGE),
    ("OutboxBacklogHigh", Severity.TICKET),
    ("OutboxWatchPassed", Severity.INFO),
)


@dataclass(slots=True)
class History:
    """Alerts that fire, end and are muted at random; and the notifications that are required for them."""

    rng: random.Random
    now: dict[Labels, Alert] = field(default_factory=dict)
    announced: dict[Labels, list[tuple[float, float | None]]] = field(default_factory=dict)

    def next(self, at: float) -> tuple[tuple[Alert, ...], tuple[Alert, ...]]:
        """Alerts that fire at this time, and those that are resolved by then."""
        over = tuple(each for each in self.now.values() if self.rng.random() < 0.15)
        for each in over:
            self._end(self.now.pop(each.labels), at)
        for name, severity in NAMES:
            fresh = alert(name, severity, since=at, muted=self.rng.random() < 0.3)
            if fresh.labels in self.now:
                old = self.now[fresh.labels]
                fresh = alert(name, severity, since=old.firing_since or at, muted=fresh.muted)
            elif self.rng.random() > 0.1:
                continue
            self.now[fresh.labels] = fresh
            self._announce(fresh)
        return tuple(self.now.values()), over

    def end(self, at: float) -> tuple[Alert, ...]:
        """Everything is over."""
        over = tuple(self.now.values())
        for each in over:
            self._end(self.now.pop(each.labels), at)
        return over

    def _announce(self, each: Alert) -> None:
        periods = self.announced.setdefault(each.labels, [])
        going_on = bool(periods) and periods[-1][1] is None
        if not each.muted and not going_on and each.firing_since is not None:
            periods.append((each.firing_since, None))

    def _end(self, each: Alert, at: float) -> None:
        periods = self.announced.get(each.labels, [])
        if periods and periods[-1][1] is None:
            periods[-1] = (periods[-1][0], at)

    def updates(self, labels: Labels) -> list[tuple[str, str]]:
        """The required updates of an alert, in order: status and time."""
        pairs = self.announced.get(labels, [])
        updates = [
            (("firing", timestamp(start)), *((("resolved", timestamp(end)),) if end is not None else ()))
            for start, end in pairs
        ]
        return [update for pair in updates for update in pair]


@dataclass(slots=True)
class Hook:
    """The other end of a webhook or of PagerDuty: processed requests, in order, and confirmed ones."""

    rng: random.Random
    processed: list[dict[str, Any]] = field(default_factory=list)
    accepted_statuses: Counter[str] = field(default_factory=Counter)
    times: list[tuple[float, float]] = field(default_factory=list)  # of attempts, and before when none may follow
    down_until: float = 0.0

    def take(self, message: Message, monotonic: float) -> DeliveryOutcome:
        """Up or down, slow or busy; now and then it does the work and its answer is lost."""
        before = self.times[-1][1] if self.times else 0.0
        assert monotonic >= before, f"came back after {monotonic}, although asked to wait until {before}"
        self.times.append((monotonic, monotonic))
        if monotonic < self.down_until:
            return DeliveryOutcome(DeliveryResult.FAILED, "Connection refused")
        luck = self.rng.random()
        if luck < 0.02:
            self.down_until = monotonic + self.rng.uniform(0, 1200)
        if luck < 0.15:
            return DeliveryOutcome(DeliveryResult.FAILED, "HTTP 500")
        if luck < 0.25:
            wait = self.rng.choice((1.0, 30.0, 120.0))
            self.times[-1] = (monotonic, monotonic + wait)
            return DeliveryOutcome(DeliveryResult.FAILED, "HTTP 429", wait)
        self.process(message)
        if luck < 0.4:
            return DeliveryOutcome(DeliveryResult.FAILED, "no complete answer in time")
        self.accepted_statuses[_name(message)] += 1
        return DELIVERED

    def process(self, message: Message) -> None:
        self.processed.append(json.loads(message.body))

    def recover(self) -> None:
        """No bad luck from here on."""
        self.down_until = 0.0
        self.rng = _Lucky()


class _Lucky(random.Random):
    def random(self) -> float:
        return 0.99


def _name(message: Message) -> str:
    """The identity of a notification: its key; PagerDuty has one for each alert, so the body is used."""
    return message.headers.get("Idempotency-Key") or message.body.decode()


@dataclass(slots=True)
class Machine:
    """A simulated program around one queue: clock, disk, network, crashes and restarts."""

    receiver: Receiver
    directory: Path
    rng: random.Random
    hook: Hook
    monotonic: float = 0.0
    crashes: int = 0
    delivered: int = 0
    queue: DeliveryQueue = field(init=False)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.store = Store(self.directory, self.receiver.name, "identity")
        self.queue = DeliveryQueue(self.receiver, PACE, self.rng.random)
        self.queue.begin(self.store.load())

    def crash(self) -> None:
        self.crashes += 1
        self.hook.times.append((self.monotonic, self.monotonic))  # a process that begins knows of no promise to wait
        self.start()

    def save(self) -> None:
        incidents = self.queue.unsaved()
        if incidents is not None:
            self.store.save(incidents)
            self.queue.saved(incidents)

    def accept(self, alerts: tuple[Alert, ...], over: tuple[Alert, ...]) -> None:
        self.queue.accept(evaluation(NOON + self.monotonic, alerts, over), self.monotonic)
        self.save()

    def run(self, until: float, *, crashing: bool = False) -> None:
        """Send all due notifications, and advance the clock."""
        while True:
            wait = self.queue.idle_for(self.monotonic)
            if wait is None or self.monotonic + wait > until:
                break
            self.monotonic += wait
            self.send(crashing=crashing)
        self.monotonic = until

    def send(self, *, crashing: bool) -> None:
        notification = self.queue.notification(NOON + self.monotonic, self.monotonic)
        assert notification is not None
        outcome = self.hook.take(self.receiver.message(notification.updates, notification.valid_until), self.monotonic)
        if crashing and self.rng.random() < 0.1:
            self.crash()  # before the outcome was recorded
            return
        self.queue.finished(outcome, NOON + self.monotonic, self.monotonic)
        self.delivered += outcome.result is DeliveryResult.DELIVERED
        if crashing and self.rng.random() < 0.1:
            self.crash()  # before that was saved
        self.save()


def run_history(machine: Machine, history: History, *, crashing: bool) -> None:
    """The better part of an hour of alerts, ended by all of them being resolved and the receiver healthy."""
    for number in range(EVALUATIONS):
        machine.accept(*history.next(NOON + machine.monotonic))
        if crashing and machine.rng.random() < 0.03:
            machine.crash()
        machine.run((number + 1) * INTERVAL, crashing=crashing)
    machine.hook.recover()
    machine.accept((), history.end(NOON + machine.monotonic))
    machine.run(machine.monotonic + 600)


@pytest.fixture(params=SEEDS)
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crashed process loses nothing that it has written, so that there is no fsync to wait for."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(params=[False, True], ids=["undisturbed", "crashing"])
def crashing(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def once(sequence: list[Any]) -> list[Any]:
    """The list without direct repetitions."""
    return [each for before, each in zip([None, *sequence], sequence, strict=False) if each != before]


def test_webhook(rng: random.Random, crashing: bool, tmp_path: Path) -> None:
    """Every beginning and end arrives, in order; twice only where an answer was lost, and then with the same key."""
    history, hook = History(rng), Hook(rng)
    machine = Machine(Webhook("http://hook.example/", severities=EVERY), tmp_path, rng, hook)
    run_history(machine, history, crashing=crashing)
    arrived: dict[str, list[tuple[str, str]]] = {}
    for payload in hook.processed:
        (each,) = payload["alerts"]
        when = each["startsAt"] if each["status"] == "firing" else each["endsAt"]
        arrived.setdefault(each["fingerprint"], []).append((each["status"], when))
    expected = {fingerprint(labels): history.updates(labels) for labels in history.announced if history.updates(labels)}
    assert {key: once(updates) for key, updates in arrived.items()} == expected
    if crashing:
        assert machine.crashes > 0
        assert hook.accepted_statuses.total() - len(hook.accepted_statuses) <= machine.crashes
    else:
        assert set(hook.accepted_statuses.values()) == {1}
        assert machine.delivered == sum(len(updates) for updates in expected.values())
    assert machine.queue.receiver_status().waiting == 0
    assert machine.store.load() == ()


def test_pagerduty(rng: random.Random, crashing: bool, tmp_path: Path) -> None:
    """An incident is open exactly while its alert fires, as far as it was announced, in the right order."""
    history, hook = History(rng), Hook(rng)
    machine = Machine(PagerDuty(Secret(ROUTING_KEY), severities=EVERY), tmp_path, rng, hook)
    run_history(machine, history, crashing=crashing)
    arrived: dict[str, list[str]] = {}
    for event in hook.processed:
        when = event["payload"]["timestamp"] if event["event_action"] == "trigger" else ""
        arrived.setdefault(event["dedup_key"], []).append(f"{event['event_action']} {when}")
    expected = {}
    for labels in history.announced:
        texts = dict(labels)
        updates = [f"trigger {when}" if status == "firing" else "resolve " for status, when in history.updates(labels)]
        if updates:
            expected[f"{texts['alertname']}/{texts['severity']}/{fingerprint(labels)}"] = updates
    assert {key: once(updates) for key, updates in arrived.items()} == expected


@dataclass(slots=True)
class Manager(Hook):
    """The last state of each alert that Alertmanager received."""

    known: dict[str, tuple[str, str]] = field(default_factory=dict)

    def process(self, message: Message) -> None:
        for each in json.loads(message.body):
            assert each["startsAt"] <= each["endsAt"]
            self.known[fingerprint(tuple(each["labels"].items()))] = (each["startsAt"], each["endsAt"])

    def firing(self, at: float) -> Iterator[str]:
        return (key for key, (_, ends_at) in self.known.items() if ends_at > timestamp(at))


def test_alertmanager(rng: random.Random, crashing: bool, tmp_path: Path) -> None:
    """After an answer to the last change, Alertmanager has exactly the alerts that fire and were announced."""
    history, manager = History(rng), Manager(rng)
    machine = Machine(Alertmanager("alertmanager", "http://am.example"), tmp_path, rng, manager)
    compared = 0
    for number in range(EVALUATIONS):
        machine.accept(*history.next(NOON + machine.monotonic))
        if crashing and rng.random() < 0.03:
            machine.crash()
        machine.run((number + 1) * INTERVAL, crashing=crashing)
        if machine.queue.receiver_status().waiting == 0:
            going_on = {
                fingerprint(labels)
                for labels, periods in history.announced.items()
                if periods and periods[-1][1] is None
            }
            assert set(manager.firing(NOON + machine.monotonic)) == going_on
            compared += 1
    assert compared > 5
    manager.recover()
    over = NOON + machine.monotonic
    machine.accept((), history.end(over))
    machine.run(machine.monotonic + 130)  # it may have asked for two minutes
    assert set(manager.firing(over)) == set()  # resolved, and not merely expired since
