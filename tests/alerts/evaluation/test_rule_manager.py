"""The thread of the rule manager: scrapes, listeners, saved state, and errors of all of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from alerts.evaluation import rule_manager
from alerts.evaluation.clock import MonitoredClock
from alerts.evaluation.rule_manager import ExposedSample, RuleInputs, RuleManager
from alerts.model import Change, Evaluation, Policy, RuleKey, Severity, State
from alerts.policy.load import load_policy
from exporter.metrics import catalogue
from tests.alerts.faulty import FaultyOutbox, healthy, neglected, poisoned
from tests.end_to_end.program import eventually

POLICY: Final = load_policy()
WATCHDOG: Final = RuleKey("OutboxWatchdog", Severity.NONE)
BROKEN: Final = RuleKey("OutboxConfigReloadFailed", Severity.TICKET)


class Outbox:
    """The inputs of a rule manager; each scrape advances time by 15 seconds."""

    def __init__(self, fault: Callable[[FaultyOutbox], None] = healthy) -> None:
        self.faulty = FaultyOutbox(fault, 0, 1_000_000, pace=1.0)
        self.now = 1e9
        self.broken = False

    def scrape(self, _wants: object = None) -> list[ExposedSample]:
        self.now += 15.0
        if self.broken:
            raise ZeroDivisionError
        return [(name, tuple(labels.items()), value) for name, labels, value in self.faulty.tick(self.now)]

    def sources(self) -> RuleInputs:
        return RuleInputs(self.scrape, lambda: self.faulty.fresh, self.now)

    def clock(self) -> MonitoredClock:
        return MonitoredClock(lambda: self.now, lambda: self.now)


def manager_of(
    outbox: Outbox, state_dir: Path, *listeners: Callable[[Evaluation], None], **changes: Any
) -> RuleManager:
    """A rule manager that evaluates only when called."""
    sources = replace(outbox.sources(), **changes)
    return RuleManager(POLICY, sources, state_dir, listeners, outbox.clock())


@contextmanager
def running(
    policy: Policy, outbox: Outbox, state_dir: Path, *listeners: Callable[[Evaluation], None], **changes: Any
) -> Iterator[RuleManager]:
    """One that evaluates by itself, every few milliseconds."""
    made = RuleManager(replace(policy, interval=0.02), replace(outbox.sources(), **changes), state_dir, listeners)
    made.start()
    yield made
    made.stop()


def test_evaluates_in_its_thread_and_calls_listeners(tmp_path: Path) -> None:
    """Every interval, from one interval after the start on, until it is stopped."""
    evaluations_passed_on: list[Evaluation] = []
    with running(POLICY, Outbox(), tmp_path, evaluations_passed_on.append) as started:
        eventually(lambda: len(evaluations_passed_on) > 3)
        eventually(lambda: started.evaluation is evaluations_passed_on[-1])
    count = len(evaluations_passed_on)
    time.sleep(0.1)
    assert len(evaluations_passed_on) == count
    assert started.failures == {}


def test_skips_every_second_interval_without_consumers(tmp_path: Path) -> None:
    """It evaluates first, never skips two intervals in a row, and skips none once there is a consumer."""
    has_consumers = False
    resting = manager_of(Outbox(), tmp_path, has_consumers=lambda: has_consumers)
    assert [resting._skips_interval() for _ in range(5)] == [False, True, False, True, False]
    has_consumers = True
    assert [resting._skips_interval() for _ in range(3)] == [False] * 3
    has_consumers = False
    assert [resting._skips_interval() for _ in range(3)] == [True, False, True]


def test_evaluates_in_its_thread_without_consumers(tmp_path: Path) -> None:
    """Rests in between do not end it."""
    evaluations_passed_on: list[Evaluation] = []
    with running(POLICY, Outbox(), tmp_path, evaluations_passed_on.append, has_consumers=lambda: False):
        eventually(lambda: len(evaluations_passed_on) > 3)


def test_readings_of_firing_rules(tmp_path: Path) -> None:
    """Each rule that is evaluated here, at 0 or 1; nothing before the first evaluation."""
    outbox = Outbox(neglected)
    quiet = manager_of(outbox, tmp_path)
    assert quiet.readings() == ()
    quiet.evaluate()
    before = quiet.readings()
    ours = [rule.key for rule in POLICY.rules if "sidecar" in rule.outlets]
    assert [reading.labels for reading in before] == [(key.alert, key.severity.value) for key in ours]
    assert {reading.metric for reading in before} == {catalogue.ALERT_FIRING}
    assert {reading.labels[0] for reading in before if reading.value} == {"OutboxWatchdog", "OutboxWatchFailed"}
    quiet.evaluate()
    assert quiet.readings() is before
    for _ in range(25):
        quiet.evaluate()
    assert (BROKEN.alert, "ticket") in {reading.labels for reading in quiet.readings() if reading.value}


def test_readings_of_muted_alerts(tmp_path: Path) -> None:
    """Each with its cause, while it fires; an alert that is not muted has none."""
    manager = manager_of(Outbox(poisoned), tmp_path)
    for _ in range(60):
        evaluation = manager.evaluate()
    muted = {each.labels for each in manager.readings() if each.metric is catalogue.ALERT_MUTED}
    assert ("OutboxStalled", "page", "OutboxHeadBlocked") in muted
    assert {labels[:2] for labels in muted} == {
        (alert.key.alert, alert.key.severity.value) for alert in evaluation.firing if alert.muted
    }
    assert manager.rule(BROKEN).key == BROKEN


def test_old_evaluations_are_not_shown(tmp_path: Path) -> None:
    """Without recent evaluations there are no readings: an old alert may not fire any more."""
    outbox = Outbox()
    silent = manager_of(outbox, tmp_path)
    silent.evaluate()
    outbox.now += 3 * POLICY.interval
    assert silent.readings()
    assert silent.evaluation is not None
    outbox.now += 0.1
    assert silent.readings() == ()
    assert silent.evaluation is None
    silent.evaluate()
    assert silent.readings()


def test_samples_equal_those_of_prometheus(tmp_path: Path) -> None:
    """The samples have the labels `job` and `instance`, and `up` and the start time of the process are added."""
    outbox = Outbox()

    def scrape(_wants: object) -> list[ExposedSample]:
        outbox.now += 15.0
        return [("outbox_pending_jobs", (("state", "waiting"),), 7.0), ("nobody_asks", (), 1.0)]

    seeing = manager_of(outbox, tmp_path, scrape=scrape)
    seeing.evaluate()
    found = seeing.evaluate().signals
    assert found["outbox:backlog_jobs"] == 7.0
    assert found["outbox:backlog_sample_age_seconds"] == 15.0  # never sampled: since the process began


def test_a_label_that_the_scrape_sets_is_renamed() -> None:
    """As Prometheus does without honor_labels: pg_cron's job is not the exporter's. An empty label is none."""
    common = (("instance", "localhost"), ("job", "outbox-exporter"))
    found = rule_manager._completed((("job", "cleanup"), ("queue", "")), common)
    assert found == (("exported_job", "cleanup"), ("instance", "localhost"), ("job", "outbox-exporter"))


def test_a_listener_that_raises_does_not_affect_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Other listeners are called, the next evaluation follows; errors are counted each time and logged once."""
    evaluations_passed_on: list[Evaluation] = []

    def failing_listener(_: Evaluation) -> None:
        raise RuntimeError("cannot listen")

    manager = manager_of(Outbox(), tmp_path, failing_listener, evaluations_passed_on.append)
    for _ in range(3):
        manager.evaluate()
    assert len(evaluations_passed_on) == 3
    assert manager.failures == {"listener": 3}
    assert [record.getMessage() for record in caplog.records] == ["rule evaluation failed"]
    assert "cannot listen" in caplog.records[0].__dict__["fields"]["message"]


def test_a_scrape_that_raises_holds_everything(tmp_path: Path) -> None:
    """Existing alerts are held and none begins; evaluation continues when there are samples again."""
    outbox = Outbox(neglected)
    scraping = manager_of(outbox, tmp_path)
    for _ in range(25):
        scraping.evaluate()
    firing = {alert.key for alert in scraping.evaluate().firing}
    assert BROKEN in firing
    outbox.broken = True
    held = scraping.evaluate()
    assert ({alert.key for alert in held.firing}, {alert.held for alert in held.alerts}) == (firing, {True})
    assert not held.transitions
    outbox.broken = False
    assert {alert.key for alert in scraping.evaluate().firing} == firing
    assert scraping.failures == {"scrape": 1}


def test_evaluation_continues_after_a_restart(tmp_path: Path) -> None:
    """Firing alerts stay firing without a transition; a damaged file is reported and all alerts start as inactive."""
    outbox = Outbox(neglected)
    first = manager_of(outbox, tmp_path)
    for _ in range(25):
        first.evaluate()
    first.stop()
    second = RuleManager(replace(POLICY, interval=3600), outbox.sources(), tmp_path, (), outbox.clock())
    second.start()
    again = second.evaluate()
    second.stop()
    assert not again.transitions
    assert {alert.key for alert in again.firing} == {alert.key for alert in (first.evaluation or again).firing}


def test_a_damaged_file_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All alerts start as inactive."""
    (tmp_path / "alerts.json").write_text("{")
    with running(replace(POLICY, rules=()), Outbox(), tmp_path) as started:
        assert started.failures == {"state": 1}
        eventually(lambda: started.evaluation is not None)
    assert "all alerts start as inactive" in caplog.records[0].__dict__["fields"]["message"]


def test_without_a_place_to_keep_it(tmp_path: Path) -> None:
    """Without a writable state directory, evaluation works, but alerts do not survive a restart."""
    (tmp_path / "file").touch()
    without_directory = manager_of(Outbox(), tmp_path / "file")
    without_directory.evaluate()
    assert without_directory.evaluate().firing
    assert without_directory.failures["state"] >= 1


def test_state_is_saved_every_minute_and_on_notified_changes(tmp_path: Path) -> None:
    """A crash loses no notified change, and at most a minute of other state."""
    outbox, file = Outbox(neglected), tmp_path / "alerts.json"
    manager = manager_of(outbox, tmp_path)
    saved = []
    for _ in range(40):
        file.unlink(missing_ok=True)
        evaluation = manager.evaluate()
        saved.append(file.exists())
        changes = {transition.change for transition in evaluation.transitions} & {
            Change.FIRING,
            Change.RESOLVED,
        }
        assert file.exists() or not changes
    assert 10 <= sum(saved) < 30
    assert all(any(saved[start : start + 4]) for start in range(37))


def test_state_is_saved_every_five_minutes_without_consumers(tmp_path: Path) -> None:
    """Notified changes are saved at once even without consumers."""
    outbox, file = Outbox(neglected), tmp_path / "alerts.json"
    manager = manager_of(outbox, tmp_path, has_consumers=lambda: False)
    saved, changes = [], 0
    for _ in range(80):
        file.unlink(missing_ok=True)
        evaluation = manager.evaluate()
        saved.append(file.exists())
        has_news = bool({transition.change for transition in evaluation.transitions} & {Change.FIRING, Change.RESOLVED})
        assert file.exists() or not has_news
        changes += has_news
    assert sum(saved) <= changes + 80 / 20
    assert all(any(saved[start : start + 20]) for start in range(61))


def test_stops_although_a_listener_hangs(tmp_path: Path) -> None:
    """Who hangs is left behind."""
    hanging, over = threading.Event(), threading.Event()

    def hang(_: Evaluation) -> None:
        hanging.set()
        over.wait(30)

    made = RuleManager(replace(POLICY, interval=0.02), Outbox().sources(), tmp_path, (hang,))
    made.start()
    assert hanging.wait(10)
    began = time.monotonic()
    made.stop(0.1)
    assert time.monotonic() - began < 5
    over.set()


def test_an_error_does_not_end_the_thread(tmp_path: Path) -> None:
    """Even when the clock, of all things, fails once."""
    outbox, evaluations = Outbox(), list[Evaluation]()
    failing = iter([True])

    def wall_clock() -> float:
        if next(failing, False):
            raise OSError("no time")
        return outbox.now

    clock = MonitoredClock(wall_clock, lambda: outbox.now)
    made = RuleManager(replace(POLICY, interval=0.02), outbox.sources(), tmp_path, (evaluations.append,), clock)
    made.start()
    eventually(lambda: evaluations)
    made.stop()
    assert made.failures["evaluation"] == 1


def test_a_firing_alert_is_sent_completely(tmp_path: Path) -> None:
    """An alert that the shipped policy raises here has everything that a notification needs."""
    outbox = Outbox(neglected)
    manager = manager_of(outbox, tmp_path)
    for _ in range(25):
        manager.evaluate()
    (alert,) = (each for each in manager.evaluate().alerts if each.key == BROKEN)
    assert alert.state is State.FIRING
    assert dict(alert.labels) == {"alertname": BROKEN.alert, "severity": "ticket", "job": POLICY.job}
    assert alert.annotations.keys() == {"summary", "description"}
    assert POLICY.job in alert.annotations["description"]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Only the causes that are present are checked."""
    caplog.set_level(logging.WARNING)
