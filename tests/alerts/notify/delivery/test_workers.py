"""Carriers and the scribe at work: real HTTP and real files, by a clock that tests set."""

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
from alerts.notify.delivery.outcome import DeliveryResult
from alerts.notify.delivery.queue import DeliveryQueue
from alerts.notify.delivery.retry import Clocks, RetryTiming
from alerts.notify.delivery.store import Store
from alerts.notify.delivery.workers import SAVE_RETRY_INTERVAL, DeliveryWorker, PersistenceWorker, Worker
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.post import Message
from alerts.notify.receivers.receiver import Receiver
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import Secret
from exporter.lab.ports import free_port
from tests.alerts.notify.local import HANG_UP, LOOPBACK, NONSENSE, OK, SILENCE, Local, Reply, receiving
from tests.alerts.notify.samples import NOON, ROUTING_KEY, alert, evaluation

# Real seconds: the silence of the receivers here costs them, and a busy machine must answer within them.
PACE = RetryTiming(timeout=1.0)


@dataclass(slots=True)
class Desk:
    """A receiver's carrier and scribe, not started: they work when they are told, at the time that is set."""

    receiver: Receiver
    directory: Path
    monotonic: float = 0.0
    courier: DeliveryQueue = field(init=False)
    worker: DeliveryWorker = field(init=False)
    persistence_worker: PersistenceWorker = field(init=False)

    def __post_init__(self) -> None:
        clock = Clocks(lambda: NOON + self.monotonic, lambda: self.monotonic)
        self.courier = DeliveryQueue(self.receiver, PACE, jitter=lambda: 0.0)
        self.worker = DeliveryWorker(self.courier, PACE.timeout, lambda: None, clock)
        self.persistence_worker = PersistenceWorker(
            ((self.courier, Store(self.directory, self.receiver.name, "x")),), lambda: None, clock
        )

    def accept(self, *alerts: Alert, resolved: tuple[Alert, ...] = ()) -> None:
        self.courier.accept(evaluation(NOON + self.monotonic, alerts, resolved), self.monotonic)

    def run(self, until: float) -> None:
        """Everything that is due until then."""
        while True:
            self.persistence_worker.work()
            wait = self.courier.idle_for(self.monotonic)
            if wait is None or self.monotonic + wait > until:
                break
            self.monotonic += wait
            self.worker.work()
        self.monotonic = until

    @property
    def waiting(self) -> int:
        return self.courier.receiver_status().waiting


def stories(desk: Desk, names: tuple[str, ...], seconds: float) -> None:
    """Every alert fires and ends once in so many seconds."""
    for begun, name in enumerate(names):
        one = alert(name, since=NOON + desk.monotonic)
        desk.accept(one)
        desk.run((begun + 0.5) * seconds / len(names))
        desk.accept(resolved=(one,))
        desk.run((begun + 1) * seconds / len(names))


def confirmed(local: Local) -> dict[str, list[str]]:
    """What the webhook took and confirmed of each alert, in order."""
    heard: dict[str, list[str]] = {}
    for body in local.bodies():
        heard.setdefault(body["commonLabels"]["alertname"], []).append(body["status"])
    return heard


def once_each(names: tuple[str, ...]) -> dict[str, list[str]]:
    """What has to be confirmed."""
    return {name: ["firing", "resolved"] for name in names}


def test_nobody_there_for_an_hour(tmp_path: Path) -> None:
    """After an hour of refused connections everything arrives, in order, once."""
    port = free_port()
    desk = Desk(Webhook(f"http://{LOOPBACK}:{port}/"), tmp_path)
    names = ("OutboxStalled", "OutboxBlind", "OutboxHeadBlocked")
    stories(desk, names, 3600)
    assert desk.waiting == 2 * len(names)
    assert desk.courier.receiver_status().problem == "Connection refused"
    with receiving(port) as local:
        desk.run(3660)
        assert confirmed(local) == once_each(names)
    assert desk.waiting == 0
    assert desk.courier.receiver_status().counts[DeliveryResult.DROPPED] == 0


def test_an_hour_of_everything_bad(tmp_path: Path) -> None:
    """Timeouts, 429 with Retry-After, 500, closed connections and nonsense, for an hour: nothing lost or doubled."""
    others = [Reply(429, {"Retry-After": "20"}), Reply(500), HANG_UP, NONSENSE, Reply(503)]
    bad = itertools.chain([SILENCE, *others] * 3, itertools.cycle(others))
    with receiving() as local:
        local.answer = lambda _: next(bad)
        desk = Desk(Webhook(local.url), tmp_path)
        names = ("OutboxStalled", "OutboxBlind")
        stories(desk, names, 3600)
        assert desk.waiting == 4
        local.answer = lambda _: OK
        desk.run(3600 + 60)
        assert confirmed(local) == once_each(names)
        keys = Counter(each.headers["idempotency-key"] for each in local.received if each.reply is OK)
        assert set(keys.values()) == {1}
        assert keys.keys() >= {each.headers["idempotency-key"] for each in local.received}


@pytest.mark.parametrize("bad", [[SILENCE, HANG_UP], [NONSENSE], [Reply(500)], [Reply(429)]])
def test_every_other_attempt_fails(tmp_path: Path, bad: list[Reply]) -> None:
    """With a receiver that answers half of the time, order is kept for each alert all the same."""
    replies = itertools.cycle([reply for each in bad for reply in (each, OK)])
    with receiving() as local:
        local.answer = lambda _: next(replies)
        desk = Desk(PagerDuty(Secret(ROUTING_KEY), local.url), tmp_path)
        names = ("OutboxStalled", "OutboxBlind", "OutboxHeadBlocked")
        stories(desk, names, 600)
        desk.run(660)
        events = [(body["dedup_key"].split("/")[0], body["event_action"]) for body in local.bodies()]
    for name in names:
        assert [action for alert_name, action in events if alert_name == name] == ["trigger", "resolve"]


def test_retry_after_is_honoured_to_the_second(tmp_path: Path) -> None:
    """Who asks for two minutes is not asked again before."""
    replies = iter([Reply(429, {"Retry-After": "120"})])
    with receiving() as local:
        local.answer = lambda _: next(replies, OK)
        desk = Desk(Webhook(local.url), tmp_path)
        desk.accept(alert())
        desk.run(119)
        assert len(local.received) == 1
        desk.run(121)
        assert len(local.received) == 2


def test_a_bug_in_our_own_words_does_not_silence_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An alert that cannot be put into words is logged and tried again; others arrive."""

    class Stammering(Webhook):
        def message(self, steps: Any, valid_until: float) -> Message:
            if steps[0].incident.alert == "OutboxBlind":
                raise ZeroDivisionError("of all things")
            return super().message(steps, valid_until)

    with receiving() as local:
        desk = Desk(Stammering(local.url), tmp_path)
        desk.accept(alert("OutboxBlind"), alert("OutboxStalled"))
        desk.run(30)
        assert confirmed(local) == {"OutboxStalled": ["firing"]}
    assert desk.waiting == 1
    assert "notification failed" in caplog.text


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk everything goes on in memory and says so; once there is room, it is kept again."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with receiving() as local:
        desk = Desk(Webhook(local.url), tmp_path)
        desk.accept(alert())
        assert desk.persistence_worker.work() == SAVE_RETRY_INTERVAL
        desk.run(1)
        assert confirmed(local) == {"OutboxStalled": ["firing"]}
    assert desk.courier.receiver_status().save_problem.endswith(
        "notifications-webhook.json cannot be written: No space left on device"
    )
    monkeypatch.undo()
    assert desk.persistence_worker.work() is None
    assert desk.courier.receiver_status().save_problem == ""
    assert json.loads((tmp_path / "notifications-webhook.json").read_text())["episodes"][0]["told"] == "firing"


def test_the_scribe_s_last_word(tmp_path: Path) -> None:
    """Told to stop before it came to it, the scribe saves what is not saved."""
    desk = Desk(Webhook("http://127.0.0.1:1"), tmp_path)
    desk.accept(alert())
    desk.persistence_worker.stop()
    desk.persistence_worker.run()
    assert (tmp_path / "notifications-webhook.json").exists()


@pytest.fixture
def counted() -> Iterator[tuple[Worker, threading.Semaphore]]:
    """A worker that does nothing but say so, and has nothing to do by itself."""
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


def test_a_worker_works_when_called(counted: tuple[Worker, threading.Semaphore]) -> None:
    """It works once at the start and once for each call, never in between."""
    worker, worked = counted
    assert worked.acquire(timeout=10)
    for _ in range(100):
        worker.wake()
        assert worked.acquire(timeout=10)
    assert not worked.acquire(timeout=0.1)


def test_a_worker_ends_whenever_it_is_told() -> None:
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
