"""The body for webhooks; test_real_alertmanager compares it with that of Alertmanager."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from alerts.model import Severity
from alerts.notify.message.incidents import DeliveredState, Incident, Update
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import Secret
from tests.alerts.notify.samples import NOON, incident

RECEIVER = Webhook("http://hook.example/T0/B0/tell-nobody", page="http://us/")
LABELS = {"alertname": "OutboxStalled", "severity": "page", "job": "outbox-exporter"}


def sent(each: Incident, new_state: DeliveredState) -> dict[str, Any]:
    payload = json.loads(RECEIVER.message((Update(each, new_state),), NOON).body)
    assert isinstance(payload, dict)
    return payload


def test_firing() -> None:
    """A group of one alert, in Alertmanager's version 4; a firing alert has no end."""
    annotations = dict(incident().annotations)
    for each in (incident(), incident(ends_at=NOON + 60)):
        assert sent(each, DeliveredState.FIRING) == {
            "version": "4",
            "groupKey": '{}:{alertname="OutboxStalled", job="outbox-exporter", severity="page"}',
            "truncatedAlerts": 0,
            "status": "firing",
            "notification_reason": "first notification",
            "receiver": "webhook",
            "groupLabels": LABELS,
            "commonLabels": LABELS,
            "commonAnnotations": annotations,
            "externalURL": "http://us/",
            "alerts": [
                {
                    "status": "firing",
                    "labels": LABELS,
                    "annotations": annotations,
                    "startsAt": "2023-11-20T12:00:00Z",
                    "endsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": "http://us/",
                    "fingerprint": "ebc2fa06f92e0ac0",
                }
            ],
        }


def test_resolved() -> None:
    """The end comes in the same form, with its time."""
    payload = sent(incident(ends_at=NOON + 60), DeliveredState.RESOLVED)
    (alert,) = payload["alerts"]
    assert payload["status"] == alert["status"] == "resolved"
    assert alert["endsAt"] == "2023-11-20T12:01:00Z"
    assert payload["notification_reason"] == "all alerts resolved"


def test_idempotency_key() -> None:
    """An update has the same key at each retry; every other update has another one."""

    def key(each: Incident, new_state: DeliveredState) -> str:
        return RECEIVER.message((Update(each, new_state),), NOON).headers["Idempotency-Key"]

    began = key(incident(), DeliveredState.FIRING)
    assert began == key(incident(ends_at=NOON + 60, delivered_state=DeliveredState.FIRING), DeliveredState.FIRING)
    others = {
        key(incident(ends_at=NOON + 60), DeliveredState.RESOLVED),
        key(incident(starts_at=NOON + 0.25), DeliveredState.FIRING),
        key(incident("OutboxBlind"), DeliveredState.FIRING),
    }
    assert began not in others
    assert len(others) == 3


def test_token() -> None:
    """With a token, it is carried; it is no other webhook for that."""
    with_token = replace(RECEIVER, bearer_token=Secret("quiet"))
    assert (
        with_token.message((Update(incident(), DeliveredState.FIRING),), NOON).headers["Authorization"]
        == "Bearer quiet"
    )
    assert with_token.identity == RECEIVER.identity
    assert with_token.secrets == ("http://hook.example/T0/B0/tell-nobody", "quiet")


def test_receives_all_but_the_watchdog() -> None:
    """The watchdog fires always and would never be resolved."""
    assert RECEIVER.severities == set(Severity) - {Severity.NONE}
