"""Rules for tests of the state machine: the relevant fields, and arbitrary texts."""

from __future__ import annotations

from typing import Any

from alerts.evaluation.state_machine import AlertingRule
from alerts.model import Labels, Rule, RuleKey, Severity

OUTBOX: Labels = (("job", "outbox"),)


def key(alert: str, severity: Severity = Severity.PAGE) -> RuleKey:
    """The name of a rule."""
    return RuleKey(alert, severity)


def rule(alert: str = "A", hold_duration: float = 0.0, **more: Any) -> Rule:
    """A rule with this for-duration, seconds."""
    settings: dict[str, Any] = {
        "key": key(alert),
        "group": "test",
        "expr": "vector(1)",
        "threshold": 0.0,
        "source": "none",
        "summary": f"{alert} happens",
        "description": "{{ $labels.job }} has {{ $value | humanize }}",
        "runbook_url": f"https://example.org/{alert}",
        "hold_duration": hold_duration,
    }
    return Rule(**{**settings, **more})


def prepared(*rules: Rule) -> tuple[AlertingRule, ...]:
    """Ready to be evaluated."""
    return tuple(AlertingRule.of(each) for each in rules)
