"""The body for PagerDuty."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from alerts.model import Severity
from alerts.notify.message.incidents import DeliveredState, Incident, Update
from alerts.notify.receivers.pagerduty import PagerDuty, dedup_key
from exporter.core.types import Secret
from tests.alerts.notify.samples import NOON, ROUTING_KEY, alert, incident

RECEIVER = PagerDuty(Secret(ROUTING_KEY), page="http://us/")
KEY = "OutboxStalled/page/ebc2fa06f92e0ac0"


def sent(each: Incident, new_state: DeliveredState) -> dict[str, Any]:
    event = json.loads(RECEIVER.message((Update(each, new_state),), NOON).body)
    assert isinstance(event, dict)
    return event


def test_trigger() -> None:
    """A trigger has the problem, its place, its start, its severity and the runbook."""
    assert sent(incident(), DeliveredState.FIRING) == {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": KEY,
        "client": "outbox-exporter",
        "client_url": "http://us/",
        "links": [{"href": "https://runbooks.example/OutboxStalled.md", "text": "Runbook"}],
        "payload": {
            "summary": "OutboxStalled is true (outbox-exporter)",
            "source": "outbox-exporter",
            "severity": "critical",
            "timestamp": "2023-11-20T12:00:00Z",
            "component": "outbox",
            "class": "OutboxStalled",
            "custom_details": {
                "description": "It is 400.",
                "runbook": "https://runbooks.example/OutboxStalled.md",
                "labels": {"alertname": "OutboxStalled", "severity": "page", "job": "outbox-exporter"},
            },
        },
    }


def test_evidence_is_a_detail() -> None:
    """Where the exporter has gathered some."""
    one = incident()
    one = replace(one, annotations={**one.annotations, "evidence": "the table is locked"})
    assert sent(one, DeliveredState.FIRING)["payload"]["custom_details"]["evidence"] == "the table is locked"


def test_resolve() -> None:
    """A resolve names the alert and nothing else."""
    assert sent(incident(ends_at=NOON + 60), DeliveredState.RESOLVED) == {
        "routing_key": ROUTING_KEY,
        "event_action": "resolve",
        "dedup_key": KEY,
    }


@pytest.mark.parametrize(
    ("severity", "theirs"),
    [(Severity.PAGE, "critical"), (Severity.TICKET, "warning"), (Severity.INFO, "info"), (Severity.NONE, "error")],
)
def test_severities(severity: Severity, theirs: str) -> None:
    """Our severities as those of PagerDuty."""
    assert sent(incident(severity=severity), DeliveredState.FIRING)["payload"]["severity"] == theirs


def test_receives_pages_by_default() -> None:
    """By default it receives pages only; it never receives the watchdog."""
    assert RECEIVER.severities == {Severity.PAGE}
    assert not RECEIVER.resends


def test_the_key_identifies_the_alert_not_the_incident() -> None:
    """The same alert has the same key whenever it fires; another severity or label has another one."""
    assert dedup_key(incident(starts_at=NOON + 900)) == KEY
    assert dedup_key(incident(severity=Severity.TICKET)) != KEY
    assert dedup_key(Incident((*incident().labels, ("queue", "a")), NOON)) != KEY
    assert len(KEY) < 255


def test_long_and_missing_texts() -> None:
    """A summary is as long as PagerDuty takes; without one, the alert's name has to do. A path is no link."""
    long = replace(incident(), annotations={"summary": "x" * 5000})
    assert len(sent(long, DeliveredState.FIRING)["payload"]["summary"]) == 1024
    bare = sent(
        replace(incident(), annotations={"runbook_url": "alerts/runbooks/OutboxStalled.md"}), DeliveredState.FIRING
    )
    assert bare["payload"]["summary"] == "OutboxStalled (outbox-exporter)"
    assert bare["links"] == []
    assert bare["payload"]["custom_details"]["runbook"] == "alerts/runbooks/OutboxStalled.md"
    assert sent(replace(incident(), annotations=alert().annotations), DeliveredState.FIRING)["links"]


def test_secret_and_identity() -> None:
    """The routing key identifies the service, and no repr shows it."""
    other = replace(RECEIVER, routing_key=Secret("f" * 32))
    assert other.identity != RECEIVER.identity
    assert RECEIVER.secrets == (ROUTING_KEY,)
    assert ROUTING_KEY not in repr((RECEIVER, RECEIVER.message((Update(incident(), DeliveredState.FIRING),), NOON)))
