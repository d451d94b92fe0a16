"""The table of the five signals that the demo prints."""

from collections.abc import Mapping
from typing import Final

from exporter.app.status import FiveSignals
from exporter.metrics import availability
from exporter.metrics import catalogue as c
from exporter.outbox.mapping import OutboxMapping

HEADER: Final = "    time  backlog  oldest  avg time  events API/QUEUE/WORKER    keys  failure ratio"

_ABSENT: Final = "absent"
# The signals that not every outbox has: in the words of the header, by their metric and their key.
_MAY_BE_ABSENT: Final = (
    ("oldest", c.OLDEST_PENDING, "oldest_pending_age_seconds"),
    ("avg time", c.LAST_HOUR_PROCESSING_TIME, "processing_time_avg_seconds"),
    ("events", c.LAST_HOUR_EVENTS, "events_last_hour"),
    ("keys", c.IDEMPOTENCY_KEYS, "idempotency_keys"),
    ("failure ratio", c.LAST_HOUR_FAILURE_RATIO, "failure_ratio"),
)
# An empty outbox has no oldest job.
_MAY_BE_NONE: Final = "oldest_pending_age_seconds"


class Table:
    """The table of an outbox: which signals it has."""

    def __init__(self, mapping: OutboxMapping) -> None:
        self._reasons = availability.unknown_metrics(mapping)
        self._absent = frozenset(key for _, metric, key in _MAY_BE_ABSENT if metric in self._reasons)

    def absent(self) -> Mapping[str, list[str]]:
        """The columns whose signal this outbox does not have, by the reason."""
        found: dict[str, list[str]] = {}
        for title, metric, key in _MAY_BE_ABSENT:
            if key in self._absent:
                found.setdefault(self._reasons[metric], []).append(title)
        return found

    def row(self, signals: FiveSignals, clock: str) -> str:
        """One line: a dash where a signal is unknown or does not exist now, `absent` where the outbox has none."""
        events = signals["events_last_hour"]
        by_source = "/".join(f"{events[source]:.0f}" for source in ("API", "QUEUE", "WORKER")) if events else "-"
        cells = {
            "backlog": (9, _number(signals["backlog"], ".0f")),
            "oldest_pending_age_seconds": (8, _number(signals["oldest_pending_age_seconds"], ".0f", "s")),
            "processing_time_avg_seconds": (10, _number(signals["processing_time_avg_seconds"], ".2f", "s")),
            "events_last_hour": (25, by_source),
            "idempotency_keys": (8, _number(signals["idempotency_keys"], ".0f")),
            "failure_ratio": (15, _number(signals["failure_ratio"], ".4f")),
        }
        texts = (f"{_ABSENT if key in self._absent else text:>{width}}" for key, (width, text) in cells.items())
        return f"{clock:>8}{''.join(texts)}"

    def is_known(self, signals: FiveSignals) -> bool:
        """Whether every signal that the outbox has is known."""
        return all(
            value is not None for key, value in signals.items() if key not in self._absent and key != _MAY_BE_NONE
        )


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"
