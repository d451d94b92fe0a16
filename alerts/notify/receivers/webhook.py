"""A webhook, told in the words of Alertmanager's own webhook receiver, version 4 of its payload.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Every alert is a group of its own, as
with `group_by: ['...']`, so that each can be told, and told again, for itself. `notification_reason` came with
Alertmanager 0.32; of its values only two occur in such a group, since nothing is repeated here.
"""

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from alerts.model import Severity
from alerts.notify.message.format import ZERO_TIME, fingerprint, group_key, link, timestamp
from alerts.notify.message.incidents import DeliveredState, Update, Updates
from alerts.notify.receivers.alertmanager import bearer
from alerts.notify.receivers.post import Message
from exporter.core.types import Secret

REASONS: Final = MappingProxyType(
    {DeliveredState.FIRING: "first notification", DeliveredState.RESOLVED: "all alerts resolved"}
)


@dataclass(frozen=True, slots=True)
class Webhook:
    """One address. It hears all but the watchdog, which is for who notices its absence."""

    url: str
    bearer_token: Secret | None = None
    page: str = ""
    name: str = "webhook"
    severities: frozenset[Severity] = frozenset({Severity.PAGE, Severity.TICKET, Severity.INFO})

    resends = False

    @property
    def identity(self) -> str:
        """The address."""
        return self.url

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token; and the address, which holds one with many services."""
        return (self.url, *((self.bearer_token.reveal(),) if self.bearer_token else ()))

    @property
    def probe(self) -> Message:
        """There is no question to ask: any answer shows that it can be reached."""
        return Message(self.url, b"", bearer(self.bearer_token), "HEAD")

    def message(self, steps: Updates, valid_until: float) -> Message:  # noqa: ARG002 - nothing expires here
        """One step. The header Idempotency-Key is the same however often it is sent, and differs from all others."""
        (update,) = steps
        labels, annotations = dict(update.incident.labels), dict(update.incident.annotations)
        ends_at = update.incident.ends_at if update.new_state is DeliveredState.RESOLVED else None
        payload = {
            "version": "4",
            "groupKey": group_key(update.incident.labels),
            "truncatedAlerts": 0,
            "status": update.status,
            "notification_reason": REASONS[update.new_state],
            "receiver": self.name,
            "groupLabels": labels,
            "commonLabels": labels,
            "commonAnnotations": annotations,
            "externalURL": self.page,
            "alerts": [
                {
                    "status": update.status,
                    "labels": labels,
                    "annotations": annotations,
                    "startsAt": timestamp(update.incident.starts_at),
                    "endsAt": ZERO_TIME if ends_at is None else timestamp(ends_at),
                    "generatorURL": link(update.incident, self.page),
                    "fingerprint": fingerprint(update.incident.labels),
                }
            ],
        }
        headers = {"Idempotency-Key": idempotency_key(update), **bearer(self.bearer_token)}
        return Message(self.url, json.dumps(payload).encode(), headers)


def idempotency_key(update: Update) -> str:
    """Names a step: the alert, when it began, and what is told of it."""
    return f"{fingerprint(update.incident.labels)}-{round(update.incident.starts_at * 1000)}-{update.status}"
