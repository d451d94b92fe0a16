"""Changes around the outbox that a watch has seen: restarts, fail-overs, definitions, locks, clock steps.

A change lies between two moments, the last observation without it and the first one with it, unless its own time is
known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ChangeKind(StrEnum):
    """The kind of a change: the label of `outbox_change_timestamp_seconds`."""

    APPLICATION_RESTART = "application_restart"
    SERVER_RESTART = "server_restart"
    FAILOVER = "failover"
    DEFINITION = "definition"
    SETTING = "setting"
    LOCK = "lock"
    CLOCK_STEP = "clock_step"
    MAINTENANCE = "maintenance"
    EXPORTER_RESTART = "exporter_restart"
    EXPORTER_UPGRADE = "exporter_upgrade"
    RELOAD = "reload"


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `text` is a sentence without its full stop.

    Units: `at` Unix seconds, of `latest`; `earliest` and `latest` seconds, on the time line of the history where it is
    stored, and since the begin of the watch in a report.
    """

    kind: ChangeKind
    text: str
    at: float
    earliest: float
    latest: float

    @property
    def earliest_at(self) -> float:
        """The earliest time of the change, Unix seconds."""
        return self.at - (self.latest - self.earliest)


@dataclass(frozen=True, slots=True)
class KnownServer:
    """The server that answered last. `started_at` is Unix seconds of its own clock; `seen` seconds on the time line."""

    started_at: float
    in_recovery: bool
    address: str | None
    seen: float

    def __str__(self) -> str:
        return f"{'standby' if self.in_recovery else 'primary'} {self.address or 'on a local socket'}"


@dataclass(frozen=True, slots=True)
class KnownState:
    """The state that changes are compared with; it is stored, so that a change while no exporter ran is noticed.

    `definitions` are checksums, which only the same `version` of the exporter can compare; `compared` is the time of
    their sample, seconds on the time line.
    """

    version: str
    server: KnownServer | None = None
    definitions: Mapping[str, int] = field(default_factory=dict)
    compared: float = 0.0
