"""Delivery and persistence workers with real HTTP and real files, and a clock that tests set."""

from __future__ import annotations

import errno
import itertools
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alerts.model import Alert
from alerts.notify.delivery.outcome import Clocks, DeliveryResult, RetryTiming
from alerts.notify.delivery.queue import DeliveryQueue
from alerts.notify.delivery.store import Store
from alerts.notify.delivery.workers import DeliveryWorker, PersistenceWorker, Worker
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.post import Message
from alerts.notify.receivers.receiver import Receiver
from alerts.notify.receivers.webhook import Webhook
from exporter.core.file_lock import FileLock
from exporter.core.types import Secret
from exporter.lab.ports import free_port
from tests.alerts.notify.local import HANG_UP, LOOPBACK, NONSENSE, OK, SILENCE, Local, Reply, receiving
from tests.alerts.notify.samples import NOON, ROUTING_KEY, alert, evaluation

# Real seconds: the silence of the receivers here costs them, and a busy machine must answer within them.
PACE = RetryTiming(timeout=1.0)


@dataclass(slots=True)
class WorkerHarness:
    """The workers of one receiver, not started as threads: they work when the test calls them."""

    receiver: Receiver
    directory: Path
    monotonic: float = 0.0
    queue: DeliveryQueue = field(init=False)
    worker: DeliveryWorker = field(init=False)
    persistence_worker: PersistenceWorker = field(init=False)

    def __post_init__(self) -> None:
        clock = Clocks(lambda: NOON + self.monotonic, lambda: self.monotonic)
        self.queue = DeliveryQueue(self.receiver, PACE, jitter=lambda: 0.0)
        self.worker = DeliveryWorker(self.queue, PACE.timeout, lambda: None, clock)
        files = ((self.queue, Store(self.directory, self.receiver.name, "x")),)
        lock = FileLock(self.directory / "lock")
        self.persistence_worker = PersistenceWorker(files, lock, lambda: None, clock)

    def accept(self, *alerts: Alert, resolved: tuple[Alert, ...] = ()) -> None:
        self.queue.accept(evaluation(NOON + self.monotonic, alerts, resolved), self.monotonic)

    def run(self, until: float) -> None:
        """Everything that is due until then."""
        while True:
            self.persistence_worker.work()
            wait = self.queue.idle_for(self.monotonic)
            if wait is None or self.monotonic + wait > until:
                break
            self.monotonic += wait
            self.worker.work()
        self.monotonic = until

    @property
    def waiting(self) -> int:
        return self.queue.receiver_status().waiting


def fire_and_resolve(harness: WorkerHarness, names: tuple[str, ...], seconds: float) -> None:
    """Every alert fires and ends once in so many seconds."""
    for begun, name in enumerate(names):
        one = alert(name, since=NOON + harness.monotonic)
        harness.accept(one)
        harness.run((begun + 0.5) * seconds / len(names))
        harness.accept(resolved=(one,))
        harness.run((begun + 1) * seconds / len(names))


def accepted_statuses(local: Local) -> dict[str, list[str]]:
    """The states of each alert that the webhook received and confirmed, in order."""
    statuses: dict[str, list[str]] = {}
    for body in local.bodies():
        statuses.setdefault(body["commonLabels"]["alertname"], []).append(body["status"])
    return statuses


def once_each(names: tuple[str, ...]) -> dict[str, list[str]]:
    """The expected states."""
    return {name: ["firing", "resolved"] for name in names}


def test_refused_connections_for_an_hour(tmp_path: Path) -> None:
    """After an hour of refused connections everything arrives, in order, once."""
    port = free_port()
    harness = WorkerHarness(Webhook(f"http://{LOOPBACK}:{port}/"), tmp_path)
    names = ("OutboxStalled", "OutboxBlind", "OutboxHeadBlocked")
    fire_and_resolve(harness, names, 3600)
    assert harness.waiting == 2 * len(names)
    assert harness.queue.receiver_status().problem == "Connection refused"
    with receiving(port) as local:
        harness.run(3660)
        assert accepted_statuses(local) == once_each(names)
    assert harness.waiting == 0
    assert harness.queue.receiver_status().counts[DeliveryResult.DROPPED] == 0


def test_an_hour_of_failures_of_all_kinds(tmp_path: Path) -> None:
    """Timeouts, 429 with Retry-After, 500, closed connections and nonsense, for an hour: nothing lost or doubled."""
    others = [Reply(429, {"Retry-After": "20"}), Reply(500), HANG_UP, NONSENSE, Reply(503)]
    bad = itertools.chain([SILENCE, *others] * 3, itertools.cycle(others))
    with receiving() as local:
        local.answer = lambda _: next(bad)
        harness = WorkerHarness(Webhook(local.url), tmp_path)
        names = ("OutboxStalled", "OutboxBlind")
        fire_and_resolve(harness, names, 3600)
        assert harness.waiting == 4
        local.answer = lambda _: OK
        harness.run(3600 + 60)
        assert accepted_statuses(local) == once_each(names)
        keys = Counter(each.headers["idempotency-key"] for each in local.received if each.reply is OK)
        assert set(keys.values()) == {1}
        assert keys.keys() >= {each.headers["idempotency-key"] for each in local.received}


@pytest.mark.parametrize("bad", [[SILENCE, HANG_UP], [NONSENSE], [Reply(500)], [Reply(429)]])
def test_every_other_attempt_fails(tmp_path: Path, bad: list[Reply]) -> None:
    """With a receiver that answers half of the time, order is kept for each alert all the same."""
    replies = itertools.cycle([reply for each in bad for reply in (each, OK)])
    with receiving() as local:
        local.answer = lambda _: next(replies)
        harness = WorkerHarness(PagerDuty(Secret(ROUTING_KEY), local.url), tmp_path)
        names = ("OutboxStalled", "OutboxBlind", "OutboxHeadBlocked")
        fire_and_resolve(harness, names, 600)
        harness.run(660)
        events = [(body["dedup_key"].split("/")[0], body["event_action"]) for body in local.bodies()]
    for name in names:
        assert [action for alert_name, action in events if alert_name == name] == ["trigger", "resolve"]


def test_retry_after_is_honoured_to_the_second(tmp_path: Path) -> None:
    """After `Retry-After: 120` no request is sent for two minutes."""
    replies = iter([Reply(429, {"Retry-After": "120"})])
    with receiving() as local:
        local.answer = lambda _: next(replies, OK)
        harness = WorkerHarness(Webhook(local.url), tmp_path)
        harness.accept(alert())
        harness.run(119)
        assert len(local.received) == 1
        harness.run(121)
        assert len(local.received) == 2


def test_an_error_in_a_message_does_not_affect_other_alerts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An alert that cannot be formatted is logged and tried again; others are delivered."""

    class FailingFormat(Webhook):
        def message(self, updates: Any, valid_until: float) -> Message:
            if updates[0].incident.alert == "OutboxBlind":
                raise ZeroDivisionError("of all things")
            return super().message(updates, valid_until)

    with receiving() as local:
        harness = WorkerHarness(FailingFormat(local.url), tmp_path)
        harness.accept(alert("OutboxBlind"), alert("OutboxStalled"))
        harness.run(30)
        assert accepted_statuses(local) == {"OutboxStalled": ["firing"]}
    assert harness.waiting == 1
    assert "notification failed" in caplog.text


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk updates are sent unsaved and the status reports it; later they are saved again."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with receiving() as local:
        harness = WorkerHarness(Webhook(local.url), tmp_path)
        harness.accept(alert())
        assert harness.persistence_worker.work() == 30.0
        harness.run(1)
        assert accepted_statuses(local) == {"OutboxStalled": ["firing"]}
    assert harness.queue.receiver_status().save_problem.endswith(
        "notifications-webhook.json cannot be written: No space left on device"
    )
    monkeypatch.undo()
    assert harness.persistence_worker.work() is None
    assert harness.queue.receiver_status().save_problem == ""
    assert json.loads((tmp_path / "notifications-webhook.json").read_text())["episodes"][0]["told"] == "firing"


def test_the_persistence_worker_saves_before_it_ends(tmp_path: Path) -> None:
    """When it is stopped early, the persistence worker saves all unsaved changes."""
    harness = WorkerHarness(Webhook("http://127.0.0.1:1"), tmp_path)
    harness.accept(alert())
    harness.persistence_worker.stop()
    harness.persistence_worker.run()
    assert (tmp_path / "notifications-webhook.json").exists()


@pytest.fixture
def counted() -> Iterator[tuple[Worker, threading.Semaphore]]:
    """A worker that only records its runs."""
    worked = threading.Semaphore(0)

    class Idle(Worker):
        def work(self) -> float | None:
            worked.release()
            return None

    worker = Idle("idle")
    worker.start()
    yield worker, worked
    worker.stop()
    worker.join()


def test_a_worker_runs_when_notified(counted: tuple[Worker, threading.Semaphore]) -> None:
    """It works once at the start and once for each call, never in between."""
    worker, worked = counted
    assert worked.acquire(timeout=10)
    for _ in range(100):
        worker.wake()
        assert worked.acquire(timeout=10)
    assert not worked.acquire(timeout=0.1)


def test_a_worker_can_be_stopped_at_any_time() -> None:
    """Stopped at any moment, at its first breath too, it ends, having finished."""
    for _ in range(200):
        finished = threading.Event()

        class Brief(Worker):
            def work(self) -> float | None:
                return None

            def finish(self, finished: threading.Event = finished) -> None:
                finished.set()

        worker = Brief("brief")
        worker.start()
        worker.stop()
        worker.join(10)
        assert not worker.is_alive()
        assert finished.is_set()
