"""`diagnose`: names of alerts, and no database. With one: tests/alerts/diagnosis/test_faults.py."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from alerts.evaluation.state_file import SavedState, StateFile
from alerts.evaluation.state_machine import ActiveAlert, Identity
from alerts.model import Alert, RuleKey, Severity, State
from alerts.policy.load import load_policy
from exporter.cli import main
from exporter.commands.diagnose import known_alert
from exporter.config.settings import Config, WatchSettings
from exporter.core.errors import ConfigError
from exporter.lab.ports import LOOPBACK, free_port

POLICY = load_policy()


def active(alert: str, severity: Severity, state: State) -> tuple[Identity, ActiveAlert]:
    key = RuleKey(alert, severity)
    return (key, ()), ActiveAlert(Alert(key, (), state, 1.0, 1.0, 1.0, firing_since=1.0))


def problem(name: str | None, config: Config) -> str:
    with pytest.raises(ConfigError) as wrong:
        known_alert(name, config, POLICY)
    (only,) = wrong.value.problems
    return only


def test_a_known_alert(tmp_path):
    """Is returned."""
    config = replace(Config(), watch=WatchSettings(state_dir=tmp_path))
    assert known_alert("OutboxStalled", config, POLICY) == "OutboxStalled"


def test_an_unknown_alert(tmp_path):
    """The nearest is named, and all of them."""
    config = replace(Config(), watch=WatchSettings(state_dir=tmp_path))
    wrong = problem("OutboxStaled", config)
    assert wrong.startswith('unknown alert OutboxStaled; did you mean "OutboxStalled"?; alerts: OutboxExporterDown, ')
    assert "OutboxWatchPassed" in wrong


def test_without_an_alert_those_that_fire(tmp_path):
    """As the running exporter saved them; neither pending ones nor the watchdog."""
    alerts = dict(
        [
            active("OutboxStalled", Severity.PAGE, State.FIRING),
            active("OutboxBlind", Severity.PAGE, State.PENDING),
            active("OutboxWatchdog", Severity.NONE, State.FIRING),
        ]
    )
    StateFile(tmp_path).save(SavedState(time.time(), alerts, ()))
    config = replace(Config(), watch=WatchSettings(state_dir=tmp_path))
    assert problem(None, config) == "name an alert; firing now: OutboxStalled"
    (tmp_path / "alerts.json").write_text("{")
    assert problem(None, config).startswith("name an alert; alerts: OutboxExporterDown, ")


def test_without_a_database(tmp_path, monkeypatch, capsys):
    """That is the cause; in either format, with exit status 1. An unknown alert is wrong usage."""
    monkeypatch.setenv("OUTBOX_EXPORTER_DATABASE_DSN", f"host={LOOPBACK} port={free_port()} user=m")
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_STATE_DIR", str(tmp_path))
    assert main(["diagnose", "OutboxStalled", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["cause"] == "database-refuses-connections"
    assert main(["diagnose", "OutboxStalled"]) == 1
    assert capsys.readouterr().out.startswith("OutboxStalled: The database refuses connections")
    assert main(["diagnose", "OutboxStaled"]) == 2
    assert main(["diagnose"]) == 2
