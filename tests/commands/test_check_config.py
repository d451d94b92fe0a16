"""`check-config`: what it prints about the configuration. tests/end_to_end checks targets."""

import os

import pytest

from alerts.policy.load import load_policy
from alerts.watch.checks.checks import CheckParameters, resolve
from exporter import cli


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch):
    """Without this machine's environment."""
    for name in os.environ:
        if name.startswith("OUTBOX_EXPORTER_"):
            monkeypatch.delenv(name)


def test_check_config_prints_the_policy_in_force(capsys, monkeypatch):
    """How many rules there are, and how many of them the configuration changes."""
    monkeypatch.setenv("OUTBOX_EXPORTER_ALERTING_THRESHOLDS", "{OutboxStalled: {page: 10m}}")
    assert cli.main(["check-config", "--offline"]) == 0
    message = capsys.readouterr().out.splitlines()
    assert message[0] == "ok       configuration"
    assert message[1] == f"ok       alerts: {len(load_policy().rules)} rules, 1 of them changed"


def test_check_config_prints_what_it_makes_of_the_watch(capsys, monkeypatch):
    """How many checks decide nothing; mistakes are refused without a database."""
    own = "{title: Up, when: [{expr: outbox_up, below: 1}], advisory: true}"
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_CHECKS", f"{{mine: {own}, backlog: {{enabled: false}}}}")
    assert cli.main(["check-config", "--offline"]) == 0
    assert "ok       watch: 24 checks, of these 1 own, 1 advisory, 1 left out" in capsys.readouterr().out.splitlines()
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_CHECKS", "{backlock: {enabled: false}}")
    assert cli.main(["check-config", "--offline"]) == 2
    assert 'backlock: unknown check; did you mean "backlog"?' in capsys.readouterr().err


def test_check_config_warns_when_no_check_decides(capsys, monkeypatch):
    """A watch that could not pass."""
    names = (check.name for check in resolve(CheckParameters(load_policy(), 86_400.0, application=True)))
    text = ", ".join(f"{name}: {{advisory: true}}" for name in names)
    monkeypatch.setenv("OUTBOX_EXPORTER_WATCH_CHECKS", f"{{{text}}}")
    assert cli.main(["check-config", "--offline"]) == 0
    note = "note     watch: no check decides, so that every watch ends INCONCLUSIVE"
    assert note in capsys.readouterr().out.splitlines()


def test_check_config_names_what_the_outbox_cannot_have(capsys, monkeypatch):
    """Signals and alerts by the reason; nothing is for the default tables."""
    assert cli.main(["check-config", "--offline"]) == 0
    assert "left out" not in capsys.readouterr().out
    monkeypatch.setenv("OUTBOX_EXPORTER_OUTBOX_PROFILE", "graphile-worker")
    assert cli.main(["check-config", "--offline"]) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note     alerts: left out: ")]
    reason = "which jobs a worker takes next is known of the default table only"
    assert f"note     alerts: left out: outbox:head_blocked_jobs, OutboxHeadBlocked; {reason}" in notes
    assert notes[0].startswith("note     alerts: left out: outbox:completed_jobs:increase5m, ")
    assert notes[0].endswith("OutboxRetentionOverdue; the row of a processed job is deleted")
