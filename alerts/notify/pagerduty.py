"""PagerDuty's Events API, version 2: an alert is triggered once and resolved once.

Source: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/. Accounts in Europe have an address of their
own, https://events.eu.pagerduty.com/v2/enqueue.
"""

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from alerts.model import Severity
from alerts.notify.episodes import Episode, Told
from alerts.notify.post import Message
from alerts.notify.steps import Steps
from alerts.notify.wording import fingerprint, is_url, link, timestamp
from exporter.config import Secret

URL = "https://events.pagerduty.com/v2/enqueue"
LONGEST_SUMMARY = 1024  # characters; longer ones are refused or cut

SEVERITIES = MappingProxyType({Severity.PAGE: "critical", Severity.TICKET: "warning", Severity.INFO: "info"})


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """One service, by its routing key. It hears pages; whoever wants tickets in it, too, says so."""

    routing_key: Secret
    url: str = URL
    page: str = ""
    name: str = "pagerduty"
    severities: frozenset[Severity] = frozenset({Severity.PAGE})

    repeats = False

    @property
    def identity(self) -> str:
        """The routing key says which service it is."""
        return f"{self.url} {self.routing_key.reveal()}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The routing key."""
        return (self.routing_key.reveal(),)

    @property
    def probe(self) -> Message:
        """There is no question to ask: any answer shows that it can be reached."""
        return Message(self.url, b"", method="HEAD")

    def message(self, steps: Steps, valid_until: float) -> Message:  # noqa: ARG002 - nothing expires at PagerDuty
        """One event. Sent twice, it is the same: PagerDuty goes by its key."""
        (step,) = steps
        event = {"routing_key": self.routing_key.reveal(), "dedup_key": dedup_key(step.episode)}
        if step.tells is Told.RESOLVED:
            event |= {"event_action": "resolve"}
        else:
            event |= {"event_action": "trigger", **self._trigger(step.episode)}
        return Message(self.url, json.dumps(event).encode())

    def _trigger(self, episode: Episode) -> dict[str, Any]:
        labels, texts = dict(episode.labels), episode.annotations
        job = labels.get("job", "outbox")
        runbook = texts.get("runbook_url", "")
        return {
            "client": "outbox-exporter",
            "client_url": link(episode, self.page),
            "links": [{"href": runbook, "text": "Runbook"}] if is_url(runbook) else [],
            "payload": {
                "summary": f"{texts.get('summary') or episode.alert} ({job})"[:LONGEST_SUMMARY],
                "source": job,
                "severity": SEVERITIES.get(Severity(episode.severity), "error"),
                "timestamp": timestamp(episode.starts_at),
                "component": "outbox",
                "class": episode.alert,
                "custom_details": {
                    "description": texts.get("description", ""),
                    **({"runbook": runbook} if runbook else {}),
                    "labels": labels,
                },
            },
        }


def dedup_key(episode: Episode) -> str:
    """The same for every episode of an alert, by whichever replica and after every restart.

    The severity is part of it: a page that joined the open incident of its own ticket would wake nobody, and would be
    resolved with it.
    """
    return f"{episode.alert}/{episode.severity}/{fingerprint(episode.labels)}"
