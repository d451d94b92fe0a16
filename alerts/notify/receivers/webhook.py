"""A webhook with the payload of Alertmanager's webhook receiver, version 4.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Every alert is a group of its own, as
with `group_by: ['...']`, so that each is sent and retried alone. `notification_reason` came with
Alertmanager 0.32; only two of its values occur here, where nothing is resent.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

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
    """One URL. It receives all alerts but the watchdog, which is for systems that detect its absence."""

    url: str
    bearer_token: Secret | None = None
    page: str = ""
    name: str = "webhook"
    severities: frozenset[Severity] = frozenset({Severity.PAGE, Severity.TICKET, Severity.INFO})

    resends = False

    @property
    def identity(self) -> str:
        """The URL."""
        return self.url

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token, and the URL, which contains a token for many services."""
        return (self.url, *((self.bearer_token.latest,) if self.bearer_token else ()))

    @property
    def probe(self) -> Message:
        """A webhook has no status request: any answer shows that it can be reached."""
        return Message(self.url, b"", bearer(self.bearer_token), "HEAD")

    def message(self, updates: Updates, valid_until: float) -> Message:  # noqa: ARG002 - events do not expire
        """One update. The header Idempotency-Key is the same for all its retries, and different from all others.

        `valid_until` (Unix seconds) is not used.
        """
        (update,) = updates
        labels, annotations = dict(update.incident.labels), dict(update.incident.annotations)
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
            "alerts": [self._alert(update, labels, annotations)],
        }
        headers = {"Idempotency-Key": idempotency_key(update), **bearer(self.bearer_token)}
        return Message(self.url, json.dumps(payload).encode(), headers)

    def _alert(self, update: Update, labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, Any]:
        ends_at = update.incident.ends_at if update.new_state is DeliveredState.RESOLVED else None
        return {
            "status": update.status,
            "labels": labels,
            "annotations": annotations,
            "startsAt": timestamp(update.incident.starts_at),
            "endsAt": ZERO_TIME if ends_at is None else timestamp(ends_at),
            "generatorURL": link(update.incident, self.page),
            "fingerprint": fingerprint(update.incident.labels),
        }


def idempotency_key(update: Update) -> str:
    """Identifies an update: the alert, the start of the incident in milliseconds, the status."""
    return f"{fingerprint(update.incident.labels)}-{round(update.incident.starts_at * 1000)}-{update.status}"
