"""A process is killed with undelivered notifications: the next one sends them, in order and once."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from alerts.model import Evaluation, Severity
from alerts.notify.message.format import fingerprint, timestamp
from tests.alerts.notify.local import HANG_UP, OK, Local, Reply, receiving
from tests.alerts.notify.samples import NOON, evaluation
from tests.alerts.notify.test_random_histories import INTERVAL, History, once
from tests.end_to_end.program import environment, eventually

ROOT: Final = Path(__file__).parents[4]
KILLS: Final = 6
EVALUATIONS: Final = 70


class ProcessUnderTest:
    """The process under test and its answers."""

    def __init__(self, directory: Path, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.alerts.notify.process_under_test", str(directory), url],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.ask(None) == "started"

    def ask(self, line: str | None) -> str:
        """One line and its answer; empty when it was killed meanwhile."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if line is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()
            return self._process.stdout.readline().strip()
        except BrokenPipeError:
            return ""

    def keeps(self, each: Evaluation) -> bool:
        """Whether it lived to keep it."""
        return self.ask(pickle.dumps(each).hex()) == "kept"

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


@pytest.fixture
def local() -> Iterator[Local]:
    with receiving() as local:
        yield local


def test_killed_at_random_moments(local: Local, tmp_path: Path) -> None:
    """Killed six times, with failing receivers, it delivers all updates in order per alert."""
    rng = random.Random(4)
    history = History(rng)
    evaluations: list[Evaluation] = []
    for number in range(EVALUATIONS):
        at = NOON + number * INTERVAL
        evaluations.append(evaluation(at, *history.next(at)))
    at = NOON + EVALUATIONS * INTERVAL
    evaluations.append(evaluation(at, (), history.end(at)))

    local.answer = lambda _: random_reply(rng)
    todo = list(reversed(evaluations))
    for _ in range(KILLS):
        process = ProcessUnderTest(tmp_path, local.url)
        killer = threading.Timer(rng.uniform(0, 0.4), process.kill)
        killer.start()
        stop_at = len(todo) - rng.randint(3, 12)
        while todo and len(todo) > stop_at and process.keeps(todo[-1]):
            todo.pop()
        killer.join()  # while it still reports pending notifications
        process.end()

    local.answer = lambda _: OK
    process = ProcessUnderTest(tmp_path, local.url)
    while todo:
        assert process.keeps(todo.pop())
    eventually(lambda: process.ask("") == "0", 60)
    process.end()

    assert first_deliveries(local, "/hook") == {
        key: updates
        for labels, key in fingerprints(history, {Severity.PAGE, Severity.TICKET, Severity.INFO})
        if (updates := history.updates(labels))
    }
    assert triggered(local) == {
        key: [status for status, _ in updates]
        for labels, key in fingerprints(history, {Severity.PAGE})
        if (updates := history.updates(labels))
    }
    last = {each["labels"]["alertname"] + each["labels"]["severity"]: each for each in managed(local)}
    assert len(last) == len([labels for labels in history.announced if history.updates(labels)])
    assert all(each["endsAt"] <= timestamp(at) for each in last.values())


def random_reply(rng: random.Random) -> Reply:
    """Now well, now not; sometimes slow, so that a kill meets an exchange under way."""
    time.sleep(rng.choice((0, 0, 0.01, 0.05)))
    return rng.choice((OK, OK, OK, Reply(500), Reply(429), HANG_UP))


def processed(local: Local, path: str) -> list[Any]:
    """The requests that were accepted, whether the sender was still alive or not."""
    return [each.body for each in local.received if each.path == path and each.reply is OK]


def fingerprints(history: History, severities: set[Severity]) -> list[tuple[Any, str]]:
    return [
        (labels, fingerprint(labels))
        for labels in history.announced
        if Severity(dict(labels)["severity"]) in severities
    ]


def first_deliveries(local: Local, path: str) -> dict[str, list[tuple[str, str]]]:
    """Statuses and times of each alert, without direct repetitions, which have the same idempotency key."""
    received_states: dict[str, list[tuple[str, str]]] = {}
    for payload in processed(local, path):
        (each,) = payload["alerts"]
        when = each["startsAt"] if each["status"] == "firing" else each["endsAt"]
        received_states.setdefault(each["fingerprint"], []).append((each["status"], when))
    return {key: once(updates) for key, updates in received_states.items()}


def triggered(local: Local) -> dict[str, list[str]]:
    """The states that PagerDuty received for each alert, without direct repetitions, which it ignores."""
    received_states: dict[str, list[str]] = {}
    for event in processed(local, "/enqueue"):
        status = "firing" if event["event_action"] == "trigger" else "resolved"
        received_states.setdefault(event["dedup_key"].rsplit("/", 1)[1], []).append(status)
    return {key: once(updates) for key, updates in received_states.items()}


def managed(local: Local) -> list[Any]:
    """All alerts that Alertmanager received, oldest first."""
    return [each for alerts in processed(local, "/api/v2/alerts") for each in alerts]
