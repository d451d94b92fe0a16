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
from alerts.notify.alertmanager import bearer
from alerts.notify.episodes import Told
from alerts.notify.post import Message
from alerts.notify.steps import Step, Steps
from alerts.notify.wording import NEVER, fingerprint, group_key, link, timestamp
from exporter.config import Secret

REASONS: Final = MappingProxyType({Told.FIRING: "first notification", Told.RESOLVED: "all alerts resolved"})


@dataclass(frozen=True, slots=True)
class Webhook:
    """One address. It hears all but the watchdog, which is for who notices its absence."""

    url: str
    bearer_token: Secret | None = None
    page: str = ""
    name: str = "webhook"
    severities: frozenset[Severity] = frozenset({Severity.PAGE, Severity.TICKET, Severity.INFO})

    repeats = False

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

    def message(self, steps: Steps, valid_until: float) -> Message:  # noqa: ARG002 - nothing expires here
        """One step. The header Idempotency-Key is the same however often it is sent, and differs from all others."""
        (step,) = steps
        labels, annotations = dict(step.episode.labels), dict(step.episode.annotations)
        ends_at = step.episode.ends_at if step.tells is Told.RESOLVED else None
        payload = {
            "version": "4",
            "groupKey": group_key(step.episode.labels),
            "truncatedAlerts": 0,
            "status": step.status,
            "notification_reason": REASONS[step.tells],
            "receiver": self.name,
            "groupLabels": labels,
            "commonLabels": labels,
            "commonAnnotations": annotations,
            "externalURL": self.page,
            "alerts": [
                {
                    "status": step.status,
                    "labels": labels,
                    "annotations": annotations,
                    "startsAt": timestamp(step.episode.starts_at),
                    "endsAt": NEVER if ends_at is None else timestamp(ends_at),
                    "generatorURL": link(step.episode, self.page),
                    "fingerprint": fingerprint(step.episode.labels),
                }
            ],
        }
        headers = {"Idempotency-Key": idempotency_key(step), **bearer(self.bearer_token)}
        return Message(self.url, json.dumps(payload).encode(), headers)


def idempotency_key(step: Step) -> str:
    """Names a step: the alert, when it began, and what is told of it."""
    return f"{fingerprint(step.episode.labels)}-{round(step.episode.starts_at * 1000)}-{step.status}"
