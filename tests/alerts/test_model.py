"""The plain values of the alert policy."""

from __future__ import annotations

import pytest

from alerts.model import RuleKey, Severity
from alerts.policy.load import load_policy


def test_a_rule_is_named_by_alert_and_severity():
    """As in checks, messages and tests."""
    assert str(RuleKey("OutboxStalled", Severity.PAGE)) == "OutboxStalled/page"


def test_a_rule_is_found_by_its_key():
    """A key without a rule is a KeyError that names it."""
    policy = load_policy()
    assert policy.rule(RuleKey("OutboxStalled", Severity.PAGE)).key.alert == "OutboxStalled"
    with pytest.raises(KeyError, match="OutboxStalled/ticket"):
        policy.rule(RuleKey("OutboxStalled", Severity.TICKET))
