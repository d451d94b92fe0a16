"""How alerts are written wherever Prometheus' family reads them: fingerprints, times, groups. Pure."""

import json

from alerts.model import Labels
from alerts.notify.message.incidents import Incident
from exporter.core.humanize import utc

# FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_SEPARATOR = b"\xff"

# What Go writes for a time that is not set; Alertmanager's way of saying that an alert has not ended.
ZERO_TIME = "0001-01-01T00:00:00Z"


def fingerprint(labels: Labels) -> str:
    """The same 16 hexadecimal digits for these labels as Alertmanager calculates (prometheus/common/model)."""
    text = b"".join(_terminated(name) + _terminated(value) for name, value in sorted(labels))
    digest = _FNV_OFFSET
    for byte in text:
        digest = (digest ^ byte) * _FNV_PRIME % 2**64
    return f"{digest:016x}"


def timestamp(at: float) -> str:
    """RFC 3339 in UTC, to the millisecond, without zeros at the end: as Alertmanager writes it."""
    text = utc(at).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{text.rstrip('0').removesuffix('.')}Z"


def group_key(labels: Labels) -> str:
    """Alertmanager's key of the group that holds nothing but this alert, under the route at the top."""
    return "{}:{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels)) + "}"


def link(incident: Incident, page: str) -> str:
    """Where to look first: our own page if its address is known, else the runbook, unless that is a mere path."""
    runbook = incident.annotations.get("runbook_url", "")
    return page or (runbook if is_url(runbook) else "")


def is_url(text: str) -> bool:
    """Whether Alertmanager and PagerDuty take it for one; they refuse an alert with anything else as a link."""
    return text.startswith(("http://", "https://"))


def _terminated(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass") + _SEPARATOR
