"""What receivers say of an alert that they accepted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from alerts.notify.drill.confirmation import Confirmation, confirm
from alerts.notify.message.format import fingerprint
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.pagerduty import PagerDuty
from alerts.notify.receivers.post import HttpResponse, Message
from alerts.notify.receivers.webhook import Webhook
from exporter.core.types import Secret
from tests.alerts.notify.samples import ROUTING_KEY, incident

DRILL = incident("OutboxDrill")


def listed(**changes: Any) -> Mapping[str, Any]:
    """The drill in the list of an Alertmanager."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    receivers = [{"name": "slack"}, {"name": "pagerduty"}]
    return {"fingerprint": fingerprint(DRILL.labels), "status": status | changes, "receivers": receivers}


def confirmed(status: int, text: str) -> Confirmation:
    return confirm(Alertmanager("alertmanager", "http://a:9093"), DRILL, lambda _: HttpResponse(status, None, text))


@pytest.mark.parametrize(
    "receiver", [PagerDuty(Secret(ROUTING_KEY)), Webhook("http://hook/")], ids=lambda one: one.name
)
def test_receivers_of_events_are_not_asked(receiver):
    """Nothing beyond their acceptance is known."""

    def ask(_: Message) -> HttpResponse:
        raise AssertionError

    assert confirm(receiver, DRILL, ask) == Confirmation("it accepted the alert")


def test_alertmanager_is_asked_for_the_alert():
    """By name, with the token; the answer names its receivers."""
    asked = []

    def ask(message: Message) -> HttpResponse:
        asked.append(message)
        return HttpResponse(200, None, json.dumps([{**listed(), "fingerprint": "another"}, listed()]))

    answer = confirm(Alertmanager("alertmanager", "http://a:9093/", Secret("t")), DRILL, ask)
    assert answer == Confirmation("the alert is active there, for receivers pagerduty, slack")
    assert [(each.url, each.method, each.headers) for each in asked] == [
        ("http://a:9093/api/v2/alerts?filter=alertname%3D%22OutboxDrill%22", "GET", {"Authorization": "Bearer t"})
    ]


@pytest.mark.parametrize(
    ("status", "text", "problem"),
    [
        (200, "[]", "it accepted the alert and does not list it"),
        (200, json.dumps([listed(silencedBy=["x"])]), "the alert is silenced there"),
        (200, json.dumps([listed(inhibitedBy=["x"])]), "the alert is inhibited there"),
        (200, "<html>", "its list of alerts cannot be parsed"),
        (200, '[{"fingerprint": 1}, 2]', "its list of alerts cannot be parsed"),
        (403, "", "its list of alerts answers HTTP 403"),
    ],
)
def test_not_confirmed(status, text, problem):
    """An accepted alert that nobody is notified of is a problem, as is an answer that proves nothing."""
    assert confirmed(status, text) == Confirmation("", problem)
