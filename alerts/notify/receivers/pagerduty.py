"""PagerDuty's Events API, version 2: an alert is triggered once and resolved once.

Source: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/. Accounts in Europe have an address of their
own, https://events.eu.pagerduty.com/v2/enqueue.
"""

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from alerts.model import Severity
from alerts.notify.evidence import ANNOTATION
from alerts.notify.message.format import fingerprint, is_url, link, timestamp
from alerts.notify.message.incidents import DeliveredState, Incident, Updates
from alerts.notify.receivers.post import Message
from exporter.core.types import Secret

URL = "https://events.pagerduty.com/v2/enqueue"
MAX_SUMMARY_LENGTH = 1024  # characters; PagerDuty refuses or truncates longer ones

SEVERITIES = MappingProxyType({Severity.PAGE: "critical", Severity.TICKET: "warning", Severity.INFO: "info"})


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """One service, identified by its routing key. By default it receives alerts of severity page."""

    routing_key: Secret
    url: str = URL
    page: str = ""
    name: str = "pagerduty"
    severities: frozenset[Severity] = frozenset({Severity.PAGE})

    resends = False

    @property
    def identity(self) -> str:
        """The URL and the routing key, which identifies the service; of a command only the URL, until it has run."""
        return f"{self.url} {self.routing_key.latest}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The routing key."""
        return (self.routing_key.latest,)

    @property
    def probe(self) -> Message:
        """PagerDuty has no status request: any answer shows that it can be reached."""
        return Message(self.url, b"", method="HEAD")

    def message(self, updates: Updates, valid_until: float) -> Message:  # noqa: ARG002 - nothing expires at PagerDuty
        """One event. PagerDuty deduplicates events by their key."""
        (update,) = updates
        event = {"routing_key": self.routing_key.reveal(), "dedup_key": dedup_key(update.incident)}
        if update.new_state is DeliveredState.RESOLVED:
            event |= {"event_action": "resolve"}
        else:
            event |= {"event_action": "trigger", **self._trigger(update.incident)}
        return Message(self.url, json.dumps(event).encode())

    def _trigger(self, incident: Incident) -> dict[str, Any]:
        labels, texts = dict(incident.labels), incident.annotations
        job = labels.get("job", "outbox")
        runbook = texts.get("runbook_url", "")
        return {
            "client": "outbox-exporter",
            "client_url": link(incident, self.page),
            "links": [{"href": runbook, "text": "Runbook"}] if is_url(runbook) else [],
            "payload": {
                "summary": f"{texts.get('summary') or incident.alert} ({job})"[:MAX_SUMMARY_LENGTH],
                "source": job,
                "severity": SEVERITIES.get(Severity(incident.severity), "error"),
                "timestamp": timestamp(incident.starts_at),
                "component": "outbox",
                "class": incident.alert,
                "custom_details": {
                    "description": texts.get("description", ""),
                    **({ANNOTATION: texts[ANNOTATION]} if texts.get(ANNOTATION) else {}),
                    **({"runbook": runbook} if runbook else {}),
                    "labels": labels,
                },
            },
        }


def dedup_key(incident: Incident) -> str:
    """The same key for every incident of an alert, from every replica and after every restart.

    It includes the severity: a page with the key of an open ticket would notify nobody, and be resolved with it.
    """
    return f"{incident.alert}/{incident.severity}/{fingerprint(incident.labels)}"
