"""What a receiver says of an alert that it has accepted.

PagerDuty and a webhook accept an event, and nothing more can be asked. Alertmanager is asked whether the alert is
active, and for which of its receivers; whether those notify anyone, it does not know.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from alerts.notify.message.format import fingerprint
from alerts.notify.message.incidents import Incident
from alerts.notify.receivers.alertmanager import Alertmanager
from alerts.notify.receivers.post import HttpResponse, Message
from alerts.notify.receivers.receiver import Receiver

ACCEPTED = "it accepted the alert"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What was proved, or the problem; one of both is empty."""

    proved: str
    problem: str = ""


def confirm(receiver: Receiver, incident: Incident, ask: Callable[[Message], HttpResponse]) -> Confirmation:
    """What became of a firing alert that the receiver has accepted.

    Raises: NoResponse from `ask`; SecretUnavailable.
    """
    if not isinstance(receiver, Alertmanager):
        return Confirmation(ACCEPTED)
    answer = ask(receiver.query(incident.alert))
    if answer.status != HTTPStatus.OK:
        return Confirmation("", f"its list of alerts answers HTTP {answer.status}")
    try:
        return _of_alert(json.loads(answer.text), fingerprint(incident.labels))
    except (ValueError, TypeError, KeyError):
        return Confirmation("", "its list of alerts cannot be parsed")


def _of_alert(alerts: Any, wanted: str) -> Confirmation:
    found = next((alert for alert in alerts if alert["fingerprint"] == wanted), None)
    if found is None:
        return Confirmation("", "it accepted the alert and does not list it")
    for key, word in (("silencedBy", "silenced"), ("inhibitedBy", "inhibited")):
        if found["status"][key]:
            return Confirmation("", f"the alert is {word} there")
    receivers = ", ".join(sorted(str(receiver["name"]) for receiver in found["receivers"]))
    return Confirmation(f"the alert is active there, for receivers {receivers}")
