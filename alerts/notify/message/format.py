"""The format of alerts in Prometheus' APIs: fingerprints, times, group keys. Pure functions."""

import json

from alerts.model import Labels
from alerts.notify.message.incidents import Incident
from exporter.core.humanize import utc

# FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_SEPARATOR = b"\xff"

# Go's zero time: the end of an alert that has not ended.
ZERO_TIME = "0001-01-01T00:00:00Z"


def fingerprint(labels: Labels) -> str:
    """The fingerprint of labels as Alertmanager computes it, 16 hexadecimal digits. Source: prometheus/common/model."""
    text = b"".join(_terminated(name) + _terminated(value) for name, value in sorted(labels))
    digest = _FNV_OFFSET
    for byte in text:
        digest = (digest ^ byte) * _FNV_PRIME % 2**64
    return f"{digest:016x}"


def timestamp(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC, to the millisecond, without trailing zeros, as Alertmanager writes it."""
    text = utc(at).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{text.rstrip('0').removesuffix('.')}Z"


def group_key(labels: Labels) -> str:
    """Alertmanager's key of a group with this alert alone, under the root route."""
    return "{}:{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels)) + "}"


def link(incident: Incident, page: str) -> str:
    """The link of an alert: the status page if its URL is known, else the runbook if it has a URL."""
    runbook = incident.annotations.get("runbook_url", "")
    return page or (runbook if is_url(runbook) else "")


def is_url(text: str) -> bool:
    """Whether Alertmanager and PagerDuty accept it as a link; they refuse an alert with an invalid one."""
    return text.startswith(("http://", "https://"))


def _terminated(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass") + _SEPARATOR
