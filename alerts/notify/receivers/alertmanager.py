"""Alertmanager's API, version 2: all firing alerts are sent repeatedly.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, and Prometheus' own client. Labels are
those that Prometheus sends by the rule file, so that Alertmanager treats the alerts of both as the same.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from alerts.model import Severity
from alerts.notify.message.format import link, timestamp
from alerts.notify.message.incidents import DeliveredState, Update, Updates
from alerts.notify.receivers.post import Message
from exporter.core.types import Secret

PATH = "/api/v2/alerts"
STATUS_PATH = "/api/v2/status"
# One alert is about one kilobyte, and the query asks for those of one name.
_MAX_LIST_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """One Alertmanager: `url` is its address without the path of the API. It also receives the watchdog alert."""

    name: str
    url: str
    bearer_token: Secret | None = None
    page: str = ""

    resends = True
    severities = frozenset(Severity)

    @property
    def identity(self) -> str:
        """The address."""
        return self.url

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self.bearer_token.latest,) if self.bearer_token else ()

    @property
    def probe(self) -> Message:
        """The status request, which only an Alertmanager answers with 200."""
        return Message(self.url.rstrip("/") + STATUS_PATH, b"", bearer(self.bearer_token), "GET")

    def message(self, updates: Updates, valid_until: float) -> Message:
        """All alerts in one request.

        Alertmanager resolves a firing one at `valid_until` (Unix seconds) unless it is sent again.
        """
        body = json.dumps([self._alert(update, valid_until) for update in updates])
        return Message(self.url.rstrip("/") + PATH, body.encode(), bearer(self.bearer_token))

    def query(self, alert: str) -> Message:
        """The request for the alerts of this name, with their state and receivers. Raises: SecretUnavailable."""
        query = urlencode({"filter": f'alertname="{alert}"'})
        url = f"{self.url.rstrip('/')}{PATH}?{query}"
        return Message(url, b"", bearer(self.bearer_token), "GET", _MAX_LIST_BYTES)

    def _alert(self, update: Update, valid_until: float) -> dict[str, Any]:
        incident = update.incident
        ends_at = (
            valid_until if update.new_state is DeliveredState.FIRING or incident.ends_at is None else incident.ends_at
        )
        return {
            "labels": dict(incident.labels),
            "annotations": dict(incident.annotations),
            "startsAt": timestamp(incident.starts_at),
            "endsAt": timestamp(max(ends_at, incident.starts_at)),
            "generatorURL": link(incident, self.page),
        }


def bearer(token: Secret | None) -> dict[str, str]:
    """The header with the token as it is now; none without a token. Raises: SecretUnavailable."""
    return {"Authorization": f"Bearer {token.reveal()}"} if token else {}
