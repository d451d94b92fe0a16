"""What the questions read: saved state, limits, messages. With real targets: tests/alerts/diagnosis/test_faults.py."""

from __future__ import annotations

import time
from array import array
from dataclasses import replace

import pytest

from alerts.diagnosis.sources import Limits, limited
from alerts.evaluation.state_file import FILE, SavedState, StateFile
from alerts.evaluation.state_machine import ActiveAlert
from alerts.model import Alert, RuleKey, Severity, State
from alerts.promql.storage import Series
from exporter.config.settings import AlertingSettings, Config, WatchSettings
from exporter.core.errors import TooSlow
from exporter.core.types import Ratio
from exporter.metrics.catalogue import APP_FSM_INITIALIZATIONS
from tests.alerts.diagnosis.sources_of import sources

NOON = 1_700_481_600.0


def series(result: str, *samples: tuple[float, float]) -> Series:
    """Values by seconds before noon."""
    made = Series(APP_FSM_INITIALIZATIONS.name, (("result", result),))
    made.times = array("q", [round((NOON - ago) * 1000) for ago, _ in samples])
    made.values = array("d", [value for _, value in samples])
    return made


def test_the_increase_of_a_counter():
    """Over a window that ends when the state was saved; a reset counts from 0, labels that are not given are added."""
    failed = series("failed", (400, 1), (300, 10), (200, 12), (100, 3), (0, 4))
    saved = SavedState(NOON, {}, (failed, series("succeeded", (300, 5), (0, 6))))
    known = sources(saved=saved)
    assert known.increase(APP_FSM_INITIALIZATIONS, 300.0, result="failed") == 2 + 3 + 1
    assert known.increase(APP_FSM_INITIALIZATIONS, 300.0) == 2 + 3 + 1 + 1
    assert known.increase(APP_FSM_INITIALIZATIONS, 300.0, result="other") is None
    assert sources(saved=None).increase(APP_FSM_INITIALIZATIONS, 300.0) is None


def firing(alert: str, since: float | None, false_for: float | None = None) -> SavedState:
    key = RuleKey(alert, Severity.PAGE)
    state = State.PENDING if since is None else State.FIRING
    active = ActiveAlert(Alert(key, (), state, NOON, 1.0, NOON, firing_since=since), 60.0, false_for)
    return SavedState(NOON, {(key, ()): active}, ())


@pytest.mark.parametrize(
    ("saved", "since"),
    [
        (firing("OutboxStalled", NOON), NOON),
        (firing("OutboxBlind", NOON), None),
        (firing("OutboxStalled", None), None),
        # It keeps firing for some minutes after its condition.
        (firing("OutboxStalled", NOON, false_for=30.0), None),
        (None, None),
    ],
)
def test_since_when_the_condition_holds(saved, since):
    """As the exporter found it last."""
    assert sources("OutboxStalled", saved=saved).firing_since == since


@pytest.mark.parametrize(("age", "found"), [(0.0, True), (890.0, True), (910.0, False), (-910.0, False)])
def test_an_old_state_is_not_used(tmp_path, age, found):
    """It belongs to no exporter that runs."""
    StateFile(tmp_path).save(SavedState(time.time() - age, {}, ()))
    config = replace(Config(), watch=WatchSettings(state_dir=tmp_path))
    assert (sources(config=config).saved is not None) is found


def test_a_damaged_state_is_left_alone(tmp_path):
    """The exporter that owns it decides."""
    (tmp_path / FILE).write_text("{")
    config = replace(Config(), watch=WatchSettings(state_dir=tmp_path))
    assert sources(config=config).saved is None
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_no_sample_after_the_deadline():
    """It would keep the notification, and the next samples, waiting."""
    late = sources(limits=Limits(total=-1.0))
    assert late.is_over
    with pytest.raises(TooSlow), late.sample():
        pass
    assert not sources().is_over


def test_durations_follow_the_time_scale():
    """As those of the rules."""
    config = replace(Config(), alerting=AlertingSettings(time_scale=Ratio(0.1)))
    assert sources(config=config).scaled(300.0) == pytest.approx(30.0)
    assert sources().threshold("OutboxStalled", Severity.PAGE) == 300.0


def test_messages_are_short_and_printable():
    """One line of 240 characters, without characters that change a terminal."""
    assert limited("a\n  b\x1b[31m") == "a b?[31m"
    assert limited("x" * 240) == "x" * 240
    assert limited("x" * 241) == "x" * 239 + "…"
