"""What the demo asks of an outbox that it can show."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from exporter.config.settings import Config
from exporter.outbox.mapping import OutboxMapping

# Made by the scripts of the role.
ROLE = "outbox_monitor"


class DemoOutbox(Protocol):
    """An outbox with traffic. `title` is its name, `parts` what is started; `faults` are the names and descriptions."""

    title: str
    parts: str
    faults: Mapping[str, str]
    mapping: OutboxMapping

    def running(self, port: int, fault: str | None) -> AbstractContextManager[Callable[[], Config]]:
        """Run it; the configuration of the exporter, which listens on that port."""
