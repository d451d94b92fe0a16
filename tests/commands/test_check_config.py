"""`check-config`: what it prints about the configuration. tests/end_to_end checks targets."""

import os

import pytest

from alerts.policy.load import load_policy
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
