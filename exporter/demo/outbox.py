"""What the demo asks of an outbox that it can show."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from exporter.config.settings import Config
from exporter.outbox.mapping import OutboxMapping

# Made by the scripts of the role.
ROLE = "outbox_monitor"


@dataclass(frozen=True, slots=True)
class RunningOutbox:
    """What the demo needs of an outbox that runs.

    `begin`, where there is one, starts the traffic: an exporter that was there before the first job has seen all jobs.
    """

    configuration: Callable[[], Config]
    begin: Callable[[], None] | None = None


class DemoOutbox(Protocol):
    """An outbox with traffic. `title` is its name, `parts` what is started; `faults` are the names and descriptions."""

    title: str
    parts: str
    faults: Mapping[str, str]
    mapping: OutboxMapping

    def running(self, port: int, fault: str | None) -> AbstractContextManager[RunningOutbox]:
        """Run it, for an exporter that listens on that port."""
