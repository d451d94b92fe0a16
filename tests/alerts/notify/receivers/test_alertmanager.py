"""The body for Alertmanager; test_real_alertmanager checks that a real one accepts it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from alerts.model import Severity
from alerts.notify.message.incidents import DeliveredState, Incident, Update
from alerts.notify.receivers.alertmanager import Alertmanager
from exporter.core.types import Secret
from tests.alerts.notify.samples import NOON, incident

UNTIL = NOON + 240
RECEIVER = Alertmanager("alertmanager", "http://am.example:9093/prefix/")


def sent(each: Incident, new_state: DeliveredState, receiver: Alertmanager = RECEIVER) -> dict[str, Any]:
    (alert,) = json.loads(receiver.message((Update(each, new_state),), UNTIL).body)
    assert isinstance(alert, dict)
    return alert


def test_firing() -> None:
    """A firing alert has Prometheus' labels, its own start, and ends when no update has come for too long."""
    assert sent(incident(), DeliveredState.FIRING) == {
        "labels": {"alertname": "OutboxStalled", "severity": "page", "job": "outbox-exporter"},
        "annotations": {
            "summary": "OutboxStalled is true",
            "description": "It is 400.",
            "runbook_url": "https://runbooks.example/OutboxStalled.md",
        },
        "startsAt": "2023-11-20T12:00:00Z",
        "endsAt": "2023-11-20T12:04:00Z",
        "generatorURL": "https://runbooks.example/OutboxStalled.md",
    }


def test_resolved() -> None:
    """A resolved alert ends at the time of its resolution."""
    assert sent(incident(ends_at=NOON + 60), DeliveredState.RESOLVED)["endsAt"] == "2023-11-20T12:01:00Z"


def test_never_ends_before_it_starts() -> None:
    """Alertmanager refuses that; a clock that was set back must not silence us."""
    alert = sent(incident(starts_at=UNTIL + 100), DeliveredState.FIRING)
    assert alert["endsAt"] == alert["startsAt"]


def test_all_in_one_request_to_the_api() -> None:
    """One request holds all alerts, goes to the path of the API below the prefix, and carries the token, if any."""
    updates = (Update(incident(), DeliveredState.FIRING), Update(incident("OutboxBlind"), DeliveredState.FIRING))
    message = RECEIVER.message(updates, UNTIL)
    assert message.url == "http://am.example:9093/prefix/api/v2/alerts"
    assert len(json.loads(message.body)) == 2
    assert message.headers == {}
    with_token = replace(RECEIVER, bearer_token=Secret("tell-nobody"))
    assert with_token.message(updates, UNTIL).headers == {"Authorization": "Bearer tell-nobody"}


def test_links_to_our_page_where_it_is_known() -> None:
    """The generator's link leads to the status page."""
    assert sent(incident(), DeliveredState.FIRING, replace(RECEIVER, page="http://us/"))["generatorURL"] == "http://us/"


def test_severities_and_identity() -> None:
    """It receives every severity, the watchdog too; its token is a secret, but not part of its identity."""
    token = replace(RECEIVER, bearer_token=Secret("tell-nobody"))
    assert RECEIVER.resends
    assert RECEIVER.severities == set(Severity)
    assert token.identity == RECEIVER.identity
    assert token.secrets == ("tell-nobody",)
    assert RECEIVER.secrets == ()
